//! Containers at the command line: images, `doctor`, and what an engine refuses.

use crate::images::{Talk, python, which, with_libraries};
use crate::program::{Seen, belljar};
use interpreter::{Caller, Interpreter, SandboxRequest, Settings};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A configuration that names one engine.
pub struct Configured {
    folder: tempfile::TempDir,
}

impl Configured {
    pub fn with(socket: &Path) -> Configured {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[backend.oci]\nengine = {socket:?}\n");
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        Configured { folder }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = belljar();
        command.arg("--config").arg(self.folder.path().join("config.toml")).args(args);
        command
    }

    pub fn call(&self, args: &[&str]) -> Seen {
        self.command(args).output().expect("start belljar").into()
    }
}

/// The socket of the engine that tests share. Without one the test is skipped, or fails where `BELLJAR_REQUIRE` has `docker`.
fn shared(test: &str) -> Option<PathBuf> {
    let socket = std::env::var_os("BELLJAR_TEST_ENGINE").map(PathBuf::from);
    if socket.is_none() {
        skip("docker", test, "no container engine for tests (BELLJAR_TEST_ENGINE)");
    }
    socket
}

/// Skips a test for lack of `what`.
pub fn skip(what: &str, test: &str, why: &str) {
    let required = std::env::var("BELLJAR_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == what), "{what} is required: {why}");
    eprintln!("skipped {test}: {why}");
    if let Some(path) = std::env::var_os("BELLJAR_SKIPS") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        writeln!(file, "{test}: {why}").unwrap();
    }
}

/// A failure of ours, told to people and to programs alike: its code and its hint.
pub fn refused(site: &Configured, args: &[&str]) -> (String, String, String) {
    let person = site.call(args);
    assert_eq!((person.exit, person.stdout.as_str()), (Some(127), ""), "{args:?}: {person:?}");
    assert!(person.stderr.starts_with("error: cannot start a sandbox: "), "{person:?}");
    let program = site.call(&[args, &["--json"]].concat());
    assert_eq!((program.exit, program.stderr.as_str()), (Some(127), ""), "{args:?}: {program:?}");
    let error = program.json()["error"].clone();
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    assert!(person.stderr.contains(&text("hint")), "{person:?} {error}");
    (text("code"), text("message"), text("hint"))
}

fn facts(site: &Configured) -> (Value, Vec<Value>) {
    let json = site.call(&["doctor", "--json"]).json();
    let facts = json["facts"].as_array().unwrap().clone();
    (json, facts)
}

fn id(fact: &Value) -> &str {
    fact["id"].as_str().unwrap()
}

const ONE: [&str; 5] = ["run", "--backend", "oci", "-c", "print(1)"];

#[test]
fn where_nothing_answers_the_sockets_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    // Something else listens here.
    let other = folder.path().join("other");
    let listener = std::os::unix::net::UnixListener::bind(&other).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for (socket, why) in [(&absent, ": not there"), (&other, ": ")] {
        let (code, message, hint) = refused(&Configured::with(socket), &ONE);
        assert_eq!(code, "no_engine");
        assert!(message.contains(&format!("{}{why}", socket.display())), "{message}");
        assert!(hint.contains("docker") && hint.contains("--backend native"), "{hint}");
    }
    let (json, facts) = facts(&Configured::with(&absent));
    let told = facts.iter().find(|fact| id(fact) == "oci_engine").unwrap();
    assert_eq!((&told["state"], &told["required"]), (&"degraded".into(), &false.into()), "{told}");
    assert!(told["fix"].is_string(), "{told}");
    let way = json["backends"].as_array().unwrap().iter().find(|way| way["backend"] == "oci").unwrap();
    assert_eq!(way["usable"], false, "{json}");
}

#[test]
fn who_may_not_speak_to_it_is_told_so() {
    let test = "who_may_not_speak_to_it_is_told_so";
    if !rustix::process::geteuid().is_root() {
        return skip("root", test, "only root can give a socket to somebody else");
    }
    let Some(setpriv) = which("setpriv") else { return skip("root", test, "setpriv is not installed") };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::chown(&socket, Some(65534), Some(65534)).unwrap();
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    // A root without capabilities is like everybody else here.
    let site = Configured::with(&socket);
    let asked = site.command(&[&ONE[..], &["--json"]].concat());
    let mut command = Command::new(setpriv);
    command.arg("--bounding-set=-all").arg(asked.get_program()).args(asked.get_args());
    let seen = Seen::from(command.output().unwrap());
    assert_eq!(seen.exit, Some(127), "{seen:?}");
    let error = seen.json()["error"].clone();
    assert_eq!(error["code"], "no_engine", "{error}");
    assert!(error["message"].as_str().unwrap().contains(": permission denied"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("usermod -aG docker"), "{error}");
}

#[test]
fn what_is_there_is_told() {
    let Some(socket) = shared("what_is_there_is_told") else { return };
    let site = Configured::with(&socket);
    let (json, facts) = facts(&site);
    assert!(json["backends"].as_array().unwrap().iter().any(|way| way["backend"] == "oci"), "{json}");
    let told =
        |name: &str| facts.iter().find(|fact| id(fact) == name).unwrap_or_else(|| panic!("{name}: {json}"));
    let detail = |name: &str| told(name)["detail"].as_str().unwrap().to_owned();
    assert!(detail("oci_engine").contains(socket.to_str().unwrap()), "{json}");
    assert!(
        detail("oci_engine").starts_with("Docker ") || detail("oci_engine").starts_with("Podman "),
        "{json}"
    );
    assert!(detail("oci_runtimes").split(", ").any(|name| ["runc", "crun"].contains(&name)), "{json}");
    for name in ["oci_gvisor", "oci_limits", "oci_users"] {
        assert_ne!(told(name)["state"], "missing", "{json}");
    }
    let page = site.call(&["doctor"]).stdout;
    for fact in &facts {
        assert!(page.contains(fact["detail"].as_str().unwrap()), "{fact} {page}");
    }
}

#[test]
fn a_template_becomes_an_image_once() {
    let Some(socket) = shared("a_template_becomes_an_image_once") else { return };
    let site = Configured::with(&socket);
    let talk = Talk::with(&socket);
    let make = || {
        let seen = site.call(&["template", "build", "--image", "python"]);
        assert_eq!(seen.exit, Some(0), "{seen:?}");
        let line = seen.stdout.lines().last().unwrap_or_default().to_owned();
        let name = line.strip_prefix("ready: image ").unwrap_or_else(|| panic!("{seen:?}")).to_owned();
        assert!(name.contains("belljar/python:"), "{seen:?}");
        let id = talk.image(&name);
        assert!(id.is_some(), "the engine does not have {name}");
        (name, id)
    };
    assert_eq!(make(), make());
    let seen = site.call(&[&ONE[..], &["--json", "--template", "python"]].concat());
    assert_eq!((seen.exit, &seen.json()["stdout"]), (Some(0), &"1\n".into()), "{seen:?}");
}

#[test]
fn what_is_not_there_is_named() {
    let Some(socket) = shared("what_is_not_there_is_named") else { return };
    let site = Configured::with(&socket);
    let image = ["--image", "belljar-tests/absent:1"];
    let (code, message, hint) = refused(&site, &[&ONE[..], &image].concat());
    assert_eq!(code, "no_image", "{message}");
    assert!(hint.contains("docker pull belljar-tests/absent:1"), "{hint}");
    let (code, message, hint) = refused(&site, &[&ONE[..], &["--runtime", "absent"]].concat());
    assert_eq!(code, "no_runtime", "{message}");
    assert!(hint.contains("runc") || hint.contains("containers.conf"), "{hint}");
}

#[test]
fn a_runtime_that_would_not_be_used_is_refused() {
    let test = "a_runtime_that_would_not_be_used_is_refused";
    let Some(socket) = std::env::var_os("BELLJAR_TEST_SECOND_ENGINE").map(PathBuf::from) else {
        return skip("podman", test, "no Podman for tests (BELLJAR_TEST_SECOND_ENGINE)");
    };
    let site = Configured::with(&socket);
    let (code, message, hint) =
        refused(&site, &[&ONE[..], &["--runtime", "kata", "--require", "vm"]].concat());
    assert_eq!(code, "no_runtime", "{message}");
    assert!(hint.contains("containers.conf"), "{hint}");
    let used = facts(&site).1.into_iter().find(|fact| id(fact) == "oci_runtimes").unwrap();
    let used = used["detail"].as_str().unwrap();
    let seen = site.call(&[&ONE[..], &["--runtime", used]].concat());
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "1\n"), "{seen:?}");
}

#[test]
fn an_image_without_interpreters_still_has_files() {
    let test = "an_image_without_interpreters_still_has_files";
    let Some(socket) = shared(test) else { return };
    let cat = which("cat").expect("this host has cat");
    let talk = Talk::with(&socket);
    let image = talk.import("belljar-tests/bare:1", &with_libraries(&cat));
    let site = Configured::with(&socket);
    for (language, code, program) in [
        ("python", "print(1)", "python3"),
        ("bash", "echo 1", "bash"),
        ("javascript", "console.log(1)", "node"),
    ] {
        let args =
            ["run", "--backend", "oci", "--image", &image.name, "--language", language, "-c", code, "--json"];
        let seen = site.call(&args);
        let json = seen.json();
        assert_eq!((seen.exit, &json["error"]["name"]), (Some(127), &"InterpreterMissing".into()), "{json}");
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains(program), "{message}");
        assert!(json["error"]["hint"].as_str().unwrap().contains("image"), "{json}");
    }
    moves_a_file(&socket, &image.name);
}

/// What no interpreter is needed for.
fn moves_a_file(socket: &Path, image: &str) {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".local/share/belljar");
    let mut settings = Settings::new(std::env::var_os("BELLJAR_DATA_DIR").map_or_else(home, PathBuf::from));
    settings.backend = Some("oci".to_owned());
    settings.oci.engine = Some(socket.display().to_string());
    settings.oci.image = Some(image.to_owned());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let interpreter = Interpreter::open(settings).unwrap();
        let made = interpreter.create_sandbox(&Caller::local(), SandboxRequest::default()).await;
        let sandbox = made.unwrap();
        let files = sandbox.files();
        files.write("/workspace/a/b.txt", &b"written"[..], 0o644).await.unwrap();
        let mut read = Vec::new();
        files.read("/workspace/a/b.txt", &mut read).await.unwrap();
        assert_eq!(read, b"written");
        sandbox.destroy().await;
    });
}

#[test]
fn an_image_opens_no_way_around_the_walls() {
    let Some(socket) = shared("an_image_opens_no_way_around_the_walls") else { return };
    let bash = which("bash").expect("this host has bash");
    let check =
        format!(r#"HEALTHCHECK --interval=1s CMD ["{}", "-c", "echo > /tmp/checked"]"#, bash.display());
    let lines = ["VOLUME /one /workspace/two/ /tmp", check.as_str(), "USER 0", r#"ENTRYPOINT ["/nothing"]"#];
    stays_walled(&socket, &lines);
}

#[test]
fn an_image_gets_no_disk_of_podman_either() {
    let Some(socket) = std::env::var_os("BELLJAR_TEST_SECOND_ENGINE").map(PathBuf::from) else {
        let why = "no Podman for tests (BELLJAR_TEST_SECOND_ENGINE)";
        return skip("podman", "an_image_gets_no_disk_of_podman_either", why);
    };
    // It takes one line only.
    stays_walled(&socket, &["VOLUME /one /workspace/two/ /tmp"]);
}

fn stays_walled(socket: &Path, lines: &[&str]) {
    let bash = which("bash").expect("this host has bash");
    let talk = Talk::with(socket);
    let image = talk.import_with("belljar-tests/open:1", &with_libraries(&bash), lines);
    // Mounts that can be written, without those of the kernel's own file systems; then whether the check ran.
    let code = r#"
while read -r _ _ _ _ at options rest; do
    kernel='* - @(proc|sysfs|devpts|mqueue|cgroup*|tmpfs|devtmpfs) *'
    [[ $options == rw* && " $rest" != $kernel ]] && echo "$at can be written"
done < /proc/self/mountinfo
read -t 3 < <(while :; do :; done)
[[ -e /tmp/checked ]] && echo checked
echo over"#;
    let args = ["run", "--backend", "oci", "--image", &image.name, "--language", "bash", "-c", code];
    let seen = Configured::with(socket).call(&args);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "over\n"), "{seen:?}");
}

#[test]
fn an_image_may_bring_its_own_python() {
    let test = "an_image_may_bring_its_own_python";
    let Some(socket) = shared(test) else { return };
    let Some((program, files)) = python() else { return skip("python", test, "this host has no python3") };
    let talk = Talk::with(&socket);
    let image = talk.import("belljar-tests/python:1", &files);
    let site = Configured::with(&socket);
    let code = "import sys\nprint(sys.executable)\n[1, 2]";
    let seen = site.call(&["run", "--backend", "oci", "--image", &image.name, "-c", code, "--json"]);
    let json = seen.json();
    assert_eq!((seen.exit, &json["status"]), (Some(0), &"ok".into()), "{json}");
    assert_eq!(json["stdout"], format!("{}\n", program.display()), "{json}");
    assert_eq!(json["results"][0]["data"]["text/plain"], "[1, 2]", "{json}");
}

#[test]
fn a_killed_belljar_leaves_no_container() {
    let test = "a_killed_belljar_leaves_no_container";
    let Some(socket) = shared(test) else { return };
    let talk = Talk::with(&socket);
    let mut child = asleep(&Configured::with(&socket), &[]);
    let pid = child.id();
    assert_eq!(talk.containers(Some(pid)).len(), 1, "it runs in a container");
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("its container is gone", || talk.containers(Some(pid)).is_empty());
}

/// Belljar in the middle of an execution that sleeps.
pub fn asleep(site: &Configured, more: &[&str]) -> std::process::Child {
    use std::io::{BufRead, BufReader};
    let code = "import time\nprint('up', flush=True)\ntime.sleep(100)";
    let bash = "echo up; while :; do read -t 1 < /dev/zero || :; done";
    let given: &[&str] = if more.contains(&"bash") { &["-c", bash] } else { &["-c", code] };
    let args = [&["run", "--backend", "oci", "--events", "--timeout", "100"], given, more].concat();
    let mut child = site.command(&args).spawn().expect("start belljar");
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("up") {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "it ended before it was up");
    }
    child.stdout = Some(reader.into_inner());
    child
}

/// Waits, not for ever.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within 20 s");
        std::thread::sleep(Duration::from_millis(100));
    }
}
