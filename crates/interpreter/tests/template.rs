//! Templates against the real package index: what a build leaves, and what happens when it is killed, doubled, offline,
//! out of disk, or on a host that lacks something. Unit tests beside the code cover recipes.
//!
//! Builds run in child processes (this same test program, see `builder`), because each needs its own environment and
//! some must die.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use interpreter::template::{Phase, Progress, Step, Store};
use tempfile::TempDir;

/// Whether the test run says that a lack of `what` is a failure.
fn is_required(what: &str) -> bool {
    std::env::var("BELLJAR_REQUIRE").is_ok_and(|list| list.split(',').any(|name| name.trim() == what))
}

/// How long a seed counts as this run's.
const SEED_AGE: Duration = Duration::from_secs(600);

fn skip(what: &str, why: &str) {
    assert!(!is_required(what), "{what} is required: {why}");
    eprintln!("skipped: {why}");
}

/// Where tests may make folders: cargo's own place, or the user's when that belongs to somebody else.
fn scratch() -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let writable = rustix::fs::access(own, rustix::fs::Access::WRITE_OK).is_ok();
    if writable { own.to_owned() } else { std::env::temp_dir() }
}

/// A data folder in which `python` was built within this run of tests, whichever process came first. `None`: no network.
fn seed() -> Option<&'static Path> {
    static SEED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = SEED.get_or_init(|| {
        let folder = scratch().join("template-seed");
        let lock = fs::File::create(folder.with_extension("lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let ready = folder.join("ready");
        let age = fs::metadata(&ready).and_then(|found| found.modified()).map(|made| made.elapsed());
        if matches!(age, Ok(Ok(age)) if age < SEED_AGE) {
            return Some(folder);
        }
        let _ = fs::remove_dir_all(&folder); // of an earlier run, maybe with a network that is gone now
        let end = Builder::bare(&folder).end();
        if end.code == "offline" {
            skip("network", &format!("no network: {}", end.text));
            return None;
        }
        assert_eq!(end.code, "built", "{}", end.text);
        fs::write(ready, "").unwrap();
        Some(folder)
    });
    made.as_deref()
}

/// A folder for a test, with what the seed has fetched.
fn folder() -> Option<TempDir> {
    let seed = seed()?;
    let folder = TempDir::new_in(scratch()).unwrap();
    if seed.join("tools").exists() {
        symlink(seed.join("tools"), folder.path().join("tools")).unwrap();
    }
    Some(folder)
}

/// One build in a child process.
struct Builder(Command);

/// How it ended.
#[derive(Debug)]
struct End {
    /// `built` or the code of the error.
    code: String,
    /// The root or the error with its hint.
    text: String,
    phases: Vec<String>,
}

impl Builder {
    fn bare(data_dir: &Path) -> Builder {
        Builder::under(&[], data_dir)
    }

    /// With the downloads of the seed.
    fn new(data_dir: &Path) -> Builder {
        Builder::bare(data_dir).env("UV_CACHE_DIR", seed().unwrap().join("downloads/uv"))
    }

    /// Started by another program.
    fn under(wrapper: &[&str], data_dir: &Path) -> Builder {
        let program = std::env::current_exe().unwrap();
        let mut words: Vec<&std::ffi::OsStr> = wrapper.iter().map(|word| word.as_ref()).collect();
        words.push(program.as_os_str());
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["--ignored", "--exact", "builder", "--nocapture", "--quiet"]);
        command.env("TEMPLATE_DATA", data_dir).stdin(Stdio::null()).stdout(Stdio::piped());
        Builder(command).env("TEMPLATE_NAME", "python")
    }

    fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Builder {
        self.0.env(name, value);
        self
    }

    fn start(mut self) -> Running {
        let mut child = self.0.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines }
    }

    fn end(self) -> End {
        self.start().end()
    }
}

struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn read(&mut self) -> Option<(String, String)> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            if let Some((word, rest)) =
                line.trim_end().strip_prefix("##").and_then(|line| line.split_once(' '))
            {
                return Some((word.to_owned(), rest.to_owned()));
            }
            line.clear();
        }
        None
    }

    fn end(mut self) -> End {
        let mut end = End { code: String::new(), text: String::new(), phases: Vec::new() };
        while let Some((word, rest)) = self.read() {
            if word == "phase" {
                end.phases.push(rest);
            } else {
                (end.code, end.text) = (word, rest.replace("\\n", "\n"));
            }
        }
        self.child.wait().unwrap();
        end
    }

    /// Kills the builder alone, as soon as it is in this phase.
    fn kill_in(mut self, phase: &str) {
        while let Some((word, rest)) = self.read() {
            assert_eq!(word, "phase", "it ended: {rest}");
            if rest == phase {
                break;
            }
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

struct Print(std::cell::Cell<Option<Phase>>);

impl Progress for Print {
    fn step(&self, step: Step<'_>) {
        if self.0.replace(Some(step.phase)) != Some(step.phase) {
            println!("##phase {:?}", step.phase);
        }
    }
}

#[test]
#[ignore = "a child process of the other tests"]
fn builder() {
    let Some(data_dir) = std::env::var_os("TEMPLATE_DATA") else { return };
    let store =
        Store::open(data_dir).unwrap().with_python(std::env::var_os("TEMPLATE_PYTHON").map(Into::into));
    println!();
    match store.ensure(&std::env::var("TEMPLATE_NAME").unwrap(), &Print(Default::default())) {
        Ok(template) => println!("##built {}", template.root.display()),
        Err(error) => {
            println!(
                "##{} {}",
                error.code(),
                format!("cannot {error}\nhint: {}", error.hint()).replace('\n', "\\n")
            );
        }
    }
}

/// Names in `templates/` that only an unfinished build leaves.
fn leftovers(data_dir: &Path) -> Vec<String> {
    let names = fs::read_dir(data_dir.join("templates")).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".building-") || name.starts_with(".removing-"))
        .collect()
}

fn imports(root: &Path) {
    let python = Command::new(root.join("bin/python"))
        .args(["-I", "-B", "-c", "import IPython, sys; print(sys.prefix)"])
        .output();
    let output = python.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), root.to_str().unwrap(), "{output:?}");
}

#[test]
fn a_build_is_complete_recorded_and_used_again() {
    let Some(folder) = folder() else { return };
    let end = Builder::new(folder.path()).end();
    assert_eq!(
        (end.code.as_str(), end.phases.first().map(String::as_str)),
        ("built", Some("Install")),
        "{}",
        end.text
    );
    let store = Store::open(folder.path()).unwrap();
    let started = Instant::now();
    let template = store.ensure("python", &()).unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "a built template is used at once");
    assert_eq!(template.root, Path::new(&end.text));
    assert_eq!(template.preload, ["IPython"]);
    imports(&template.root);
    let listing = store.show("python").unwrap();
    let record = listing.built.unwrap();
    assert_eq!(
        (record.hash, record.python_version),
        (template.hash.clone(), template.python_version.clone())
    );
    assert!(record.packages.iter().any(|package| package.name == "ipython"));
    assert!(record.size_bytes > 1_000_000 && template.base_prefix.is_absolute());
    assert!(store.list().iter().any(|listing| listing.recipe.name == "full" && listing.built.is_none()));
    let script = fs::read_to_string(template.root.join("bin/ipython")).unwrap();
    assert!(script.starts_with("#!/.belljar/template/bin/python\n"), "{script}");
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn every_file_is_readable_by_everyone_whatever_the_umask() {
    let Some(folder) = folder() else { return };
    let private = ["sh", "-c", "umask 077; exec \"$@\"", "sh"];
    let end = Builder::under(&private, folder.path()).end();
    assert_eq!(end.code, "built", "{}", end.text);
    let mut folders = vec![PathBuf::from(&end.text)];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let wanted = if found.is_dir() { 0o005 } else { 0o004 };
            assert!(
                found.is_symlink() || found.mode() & 0o007 == wanted || found.mode() & 0o007 == 0o005,
                "{path:?} {:o}",
                found.mode()
            );
            if found.is_dir() {
                folders.push(path);
            }
        }
    }
    assert_eq!(fs::metadata(&end.text).unwrap().mode() & 0o777, 0o755);
}

#[test]
fn it_works_at_another_path_read_only() {
    let Some(seed) = seed() else { return };
    let root = Store::open(seed).unwrap().ensure("python", &()).unwrap().root;
    let folder = TempDir::new_in(scratch()).unwrap();
    let copy = folder.path().join("elsewhere");
    assert!(Command::new("cp").arg("-a").arg(&root).arg(&copy).status().unwrap().success());
    imports(&copy);
    let bound = folder.path().join("bound");
    fs::create_dir(&bound).unwrap();
    let script = format!(
        "mount --bind {0} {1} && mount -o remount,bind,ro {1} && {1}/bin/python -I -m IPython --version && \
         {1}/bin/python -I -c 'import IPython; IPython.embed; print(IPython.__file__); raise SystemExit(\"{1}\" not in IPython.__file__)' \
         && ! touch {1}/x",
        root.display(),
        bound.display(),
    );
    in_namespace(&script);
}

/// Runs a script as root of a new user and mount namespace, if this host allows one.
fn in_namespace(script: &str) {
    if let Some(wrapper) = namespace() {
        let output =
            Command::new(wrapper[0]).args(&wrapper[1..]).args(["sh", "-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }
}

fn namespace() -> Option<[&'static str; 2]> {
    let tried = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    match tried {
        Ok(output) if output.status.success() => Some(["unshare", "-rm"]),
        other => {
            let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
            skip(
                if is_root { "root" } else { "unprivileged" },
                &format!("no user and mount namespaces: {other:?}"),
            );
            None
        }
    }
}

#[test]
fn a_killed_build_is_cleaned_up_by_the_next() {
    let Some(folder) = folder() else { return };
    for phase in ["Install", "Compile", "Verify"] {
        Builder::new(folder.path()).start().kill_in(phase);
        assert_eq!(leftovers(folder.path()).len(), 1, "killed in {phase}");
    }
    let end = Builder::new(folder.path()).end();
    assert_eq!(end.code, "built", "{}", end.text);
    imports(Path::new(&end.text));
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn two_builds_at_once_make_one_template() {
    let Some(folder) = folder() else { return };
    let store = Store::open(folder.path()).unwrap();
    let label = store.show("python").unwrap().root.file_name().unwrap().to_str().unwrap().to_owned();
    fs::create_dir_all(folder.path().join("templates")).unwrap();
    let lock = fs::File::create(folder.path().join(format!("templates/.lock-{label}"))).unwrap();
    lock.lock().unwrap();
    let mut both: Vec<Running> = (0..2).map(|_| Builder::new(folder.path()).start()).collect();
    for running in &mut both {
        assert_eq!(running.read().unwrap().1, "Wait");
    }
    drop(lock);
    let ends: Vec<End> = both.into_iter().map(Running::end).collect();
    assert!(ends.iter().all(|end| end.code == "built" && end.text == ends[0].text), "{ends:?}");
    let built = ends.iter().filter(|end| end.phases.iter().any(|phase| phase == "Done")).count();
    assert_eq!(built, 1, "{ends:?}");
}

#[test]
fn a_template_in_use_is_not_removed() {
    let Some(folder) = folder() else { return };
    let end = Builder::bare(folder.path()).end();
    assert_eq!(end.code, "built", "{}", end.text);
    let store = Store::open(folder.path()).unwrap();
    let template = store.ensure("python", &()).unwrap();
    let error = Store::open(folder.path()).unwrap().remove("python").unwrap_err();
    assert_eq!(error.code(), "template_in_use");
    imports(&template.root);
    drop(template);
    assert_eq!(store.remove("python").unwrap(), 1);
    assert!(store.show("python").unwrap().built.is_none());
    assert!(!Path::new(&end.text).exists() && !folder.path().join("downloads").exists());
}

#[test]
fn a_forced_build_leaves_the_old_one_to_those_who_use_it() {
    let Some(folder) = folder() else { return };
    assert_eq!(Builder::new(folder.path()).end().code, "built");
    let store = Store::open(folder.path()).unwrap();
    let old = store.ensure("python", &()).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = inode(&old.root);
    let new = store.build("python", true, &()).unwrap();
    assert_ne!(before, inode(&new.root));
    let kept = leftovers(folder.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(before, inode(&folder.path().join("templates").join(&kept[0])));
    drop((old, new));
    store.remove("python").unwrap();
    store.ensure("python", &()).unwrap();
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn without_a_network_there_is_one_clear_error() {
    let Some(folder) = folder() else { return };
    let nowhere = "http://127.0.0.1:9";
    let mut builder =
        Builder::bare(folder.path()).env("UV_DEFAULT_INDEX", nowhere).env("PIP_INDEX_URL", nowhere);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"] {
        builder.0.env_remove(name);
    }
    let end = builder.end();
    assert_eq!(end.code, "offline", "{}", end.text);
    assert!(end.text.starts_with("cannot download the packages of template python"), "{}", end.text);
    assert!(end.text.contains("hint: connect this machine"), "{}", end.text);
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = TempDir::new_in(scratch()).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let end = Builder::bare(&file.join("data")).end();
    assert_eq!(end.code, "not_writable", "{}", end.text);
    let (mount, data_dir) = tmpfs(folder.path(), "ro");
    let Some(wrapper) = namespace() else { return };
    let end = Builder::under(&[wrapper[0], wrapper[1], "sh", "-c", &mount, "sh"], &data_dir).end();
    assert_eq!(end.code, "not_writable", "{}", end.text);
    assert!(end.text.contains(data_dir.to_str().unwrap()) && end.text.contains("--data-dir"), "{}", end.text);
}

/// A script that mounts a tmpfs and runs its arguments; and a data folder on it.
fn tmpfs(folder: &Path, options: &str) -> (String, PathBuf) {
    let place = folder.join("disk");
    fs::create_dir_all(&place).unwrap();
    (format!("mount -t tmpfs -o {options} none {} && exec \"$@\"", place.display()), place)
}

#[test]
fn a_full_disk_is_named() {
    let (Some(folder), Some(wrapper)) = (folder(), namespace()) else { return };
    for size in ["size=3m", "size=24m", "size=48m"] {
        let (mount, data_dir) = tmpfs(folder.path(), size);
        let builder = Builder::under(&[wrapper[0], wrapper[1], "sh", "-c", &mount, "sh"], &data_dir);
        let end = builder.env("PATH", with_seed_uv(folder.path())).end();
        assert_eq!(end.code, "disk_full", "{size}: {}", end.text);
    }
}

/// A PATH with the seed's uv in front, or as it is if the host has its own.
fn with_seed_uv(folder: &Path) -> String {
    let bin = folder.join("uv-bin");
    fs::create_dir_all(&bin).unwrap();
    for entry in fs::read_dir(seed().unwrap().join("tools")).into_iter().flatten().flatten() {
        let _ = symlink(entry.path().join("bin/uv"), bin.join("uv"));
    }
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default())
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_python_that_does_not_fit_is_named() {
    let folder = TempDir::new_in(scratch()).unwrap();
    let old = folder.path().join("python-old");
    let answer =
        r#"{"executable":"/x","base_prefix":"/","implementation":"cpython","version":[3,9,2],"abi":""}"#;
    script(&old, &format!("#!/bin/sh\necho '{answer}'\n"));
    let broken = folder.path().join("python-broken");
    script(&broken, "#!/bin/sh\necho it is broken >&2\nexit 1\n");
    for (path, why) in
        [(old.as_path(), "too old"), (&broken, "it is broken"), (Path::new("/nowhere/python"), "not exist")]
    {
        let end = Builder::bare(folder.path()).env("TEMPLATE_PYTHON", path).end();
        assert_eq!(end.code, "python_unfit", "{}", end.text);
        assert!(end.text.contains(why) && end.text.contains(path.to_str().unwrap()), "{}", end.text);
    }
    let error = Store::open(folder.path()).unwrap().ensure("pythno", &()).unwrap_err();
    assert_eq!((error.code(), error.hint().contains("code-interpreter")), ("template_unknown", true));
}

#[test]
fn without_any_python_the_command_that_installs_one_is_named() {
    let folder = TempDir::new_in(scratch()).unwrap();
    let Some(wrapper) = namespace() else { return };
    let hide = "for file in $(readlink -f /usr/bin/python3); do mount --bind /dev/null $file; done; PATH=/nowhere; exec \"$@\"";
    let end = Builder::under(&[wrapper[0], wrapper[1], "sh", "-c", hide, "sh"], folder.path()).end();
    assert_eq!(end.code, "python_missing", "{}", end.text);
    assert!(end.text.contains("hint: install one: "), "{}", end.text);
}

/// A script that hides every pip and `ensurepip` of the system's Python, leaves no other on PATH, and runs its
/// arguments with `first` in front of PATH.
fn debian_without_venv(first: &Path) -> Option<String> {
    let ask = "import sysconfig, ensurepip, os; print(sysconfig.get_config_var('WHEEL_PKG_DIR') or '/usr/share/python-wheels'); \
               print(os.path.dirname(ensurepip.__file__)); import pip; print(os.path.dirname(pip.__file__))";
    let Ok(output) = Command::new("/usr/bin/python3").args(["-c", ask]).output() else {
        skip("python", "no /usr/bin/python3");
        return None;
    };
    let hide: String = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|folder| format!("if test -d {folder}; then mount -t tmpfs none {folder}; fi; "))
        .collect();
    let bin = first.display();
    Some(format!("{hide} ln -sf $(command -v sh) {bin}/sh; export PATH={bin}; exec \"$@\""))
}

#[test]
fn a_python_without_venv_and_pip_needs_one_command_or_uv() {
    let (Some(folder), Some(wrapper)) = (folder(), namespace()) else { return };
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let Some(hide) = debian_without_venv(&bin) else { return };
    let data_dir = folder.path().join("data");
    let wrapper = [wrapper[0], wrapper[1], "sh", "-c", &hide, "sh"];
    let end = Builder::under(&wrapper, &data_dir).env("HOME", folder.path()).end();
    assert_eq!(end.code, "installer_missing", "{}", end.text);
    assert!(end.text.contains("hint: ") && end.text.contains("install"), "{}", end.text);
    assert_eq!(leftovers(&data_dir), [""; 0]);
    let uv = with_seed_uv(folder.path());
    let uv = Path::new(uv.split(':').next().unwrap()).join("uv");
    if !uv.exists() {
        return; // the host has its own uv: the other tests use it
    }
    fs::copy(uv, bin.join("uv")).unwrap();
    let end = Builder::under(&wrapper, &data_dir).env("HOME", folder.path()).end();
    assert_eq!(end.code, "built", "{}", end.text);
    imports(Path::new(&end.text));
}

#[test]
fn a_uv_that_fails_is_replaced_by_pip() {
    let Some(folder) = folder() else { return };
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    script(&bin.join("uv"), "#!/bin/sh\necho this uv is broken >&2\nexit 2\n");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let end = Builder::new(folder.path()).env("PATH", path).end();
    if end.code == "template_build" && end.text.contains("this uv is broken") {
        return skip("python", "the Python of this host has no pip");
    }
    assert_eq!(end.code, "built", "{}", end.text);
    imports(Path::new(&end.text));
    let script = fs::read_to_string(Path::new(&end.text).join("bin/ipython")).unwrap();
    assert!(script.starts_with("#!/.belljar/template/bin/python\n"), "{script}");
}
