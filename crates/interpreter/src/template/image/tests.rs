//! Hosts that are laid out in another way than this one, and files that are not what they seem. Whole images of
//! templates are in `tests/image`.

use super::libraries::Libraries;
use super::root::{Entry, Root, below};
use super::{ImageError, archive};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder with files: path and content.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// A shared library that needs others, made by the C compiler that links this very test.
fn library(path: &Path, options: &[&str]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let name = format!("-Wl,-soname,{}", path.file_name().unwrap().to_str().unwrap());
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-nostdlib", "-x", "c", "/dev/null", "-o"]).arg(path).arg(name);
    let output = compiler.args(["-Wl,--no-as-needed", "-x", "none"]).args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn packed(root: &Root) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    archive::write(&root.entries, &mut bytes).map(|()| bytes)
}

/// Files in an archive, by path: mode and content.
fn unpacked(bytes: &[u8]) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let path: PathBuf = entry.path().unwrap().components().collect();
        found.insert(path, (entry.header().mode().unwrap(), content));
    }
    found
}

fn error(root: &Root) -> String {
    packed(root).unwrap_err().to_string()
}

#[test]
fn libraries_beside_a_python_come_at_their_own_place() {
    for place in ["$ORIGIN/../lib", "${ORIGIN}/../lib", "OWN/lib"] {
        let host = folder(&[]);
        let own = fs::canonicalize(host.path()).unwrap();
        let inner = own.join("lib/libinner.so");
        library(&inner, &[]);
        library(&own.join("lib/libouter.so"), &["-Wl,-rpath,$ORIGIN", inner.to_str().unwrap()]);
        let run_path = format!("-Wl,-rpath,{}", place.replace("OWN", own.to_str().unwrap()));
        library(&own.join("bin/program"), &[&run_path, own.join("lib/libouter.so").to_str().unwrap()]);
        let mut root = Root::default();
        root.file(&own.join("bin/program")).unwrap();
        Libraries::of_this_host(None).collect(&mut root).unwrap();
        for name in ["lib/libouter.so", "lib/libinner.so"] {
            let path = own.join(name);
            assert_eq!(root.entries.get(&below(&path)), Some(&Entry::File(path.clone())), "{place}");
        }
        let links =
            root.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Link(to) if to.starts_with(&own)));
        assert_eq!(links.count(), 0, "no link stands in the way of a library of the system");
    }
}

#[test]
fn a_rpath_holds_for_the_libraries_of_libraries() {
    for (tags, is_there) in [("-Wl,--disable-new-dtags", true), ("-Wl,--enable-new-dtags", false)] {
        let host = folder(&[]);
        let own = fs::canonicalize(host.path()).unwrap();
        library(&own.join("lib/libinner.so"), &[]);
        library(&own.join("lib/libouter.so"), &[own.join("lib/libinner.so").to_str().unwrap()]);
        let outer = own.join("lib/libouter.so");
        library(&own.join("bin/program"), &[tags, "-Wl,-rpath,$ORIGIN/../lib", outer.to_str().unwrap()]);
        let mut root = Root::default();
        root.file(&own.join("bin/program")).unwrap();
        Libraries::of_this_host(None).collect(&mut root).unwrap();
        assert_eq!(root.entries.contains_key(&below(&own.join("lib/libinner.so"))), is_there, "{tags}");
    }
}

#[test]
fn libraries_of_a_template_do_not_come_twice() {
    let host = folder(&[]);
    let own = fs::canonicalize(host.path()).unwrap();
    library(&own.join("libs/libinner.so"), &[]);
    library(
        &own.join("module.so"),
        &["-Wl,-rpath,$ORIGIN/libs", own.join("libs/libinner.so").to_str().unwrap()],
    );
    let mut root = Root::default();
    root.tree(&own, Path::new("/.belljar/template"), &|_| true).unwrap();
    Libraries::of_this_host(Some(&own)).collect(&mut root).unwrap();
    assert!(root.entries.contains_key(Path::new(".belljar/template/libs/libinner.so")));
    assert!(!root.entries.contains_key(&below(&own.join("libs/libinner.so"))));
}

#[test]
fn a_template_behind_a_link_is_still_the_template() {
    let host = folder(&[]);
    let own = fs::canonicalize(host.path()).unwrap();
    let inner = own.join("template/libs/libinner.so");
    library(&inner, &[]);
    library(&own.join("template/module.so"), &["-Wl,-rpath,$ORIGIN/libs", inner.to_str().unwrap()]);
    symlink("template", own.join("link")).unwrap();
    let mut root = Root::default();
    root.tree(&own.join("link"), Path::new("/.belljar/template"), &|_| true).unwrap();
    Libraries::of_this_host(Some(&own.join("link"))).collect(&mut root).unwrap();
    for path in ["link", "template"] {
        let above = below(&own.join(path));
        assert!(!root.entries.keys().any(|path| path.starts_with(&above)), "{:?}", root.entries.keys());
    }
}

#[test]
fn libraries_that_need_each_other_have_an_end() {
    let host = folder(&[]);
    let own = fs::canonicalize(host.path()).unwrap();
    let (first, second) = (own.join("first/libfirst.so"), own.join("second/libsecond.so"));
    let old = "-Wl,--disable-new-dtags";
    library(&first, &[]);
    library(&second, &[old, "-Wl,-rpath,$ORIGIN/../first:$ORIGIN", first.to_str().unwrap()]);
    library(&first, &[old, "-Wl,-rpath,$ORIGIN/../second:$ORIGIN", second.to_str().unwrap()]);
    let mut root = Root::default();
    root.file(&first).unwrap();
    Libraries::of_this_host(None).collect(&mut root).unwrap();
    assert!(root.entries.contains_key(&below(&second)));
}

#[test]
fn what_a_package_calls_a_library_is_one_or_stays_outside() {
    let host = folder(&[("secret/libkey.so", "PRIVATE KEY")]);
    let own = fs::canonicalize(host.path()).unwrap();
    let secret = own.join("secret/libkey.so");
    // The linker wants libraries; what the loader would find under their names is the secret.
    let by_name = own.join("made/libkey.so");
    library(&by_name, &[]);
    let by_path = own.join("made/absolute.so");
    library(&by_path, &[&format!("-Wl,-soname,{}", secret.display())]);
    let folder = format!("-Wl,-rpath,{}", secret.parent().unwrap().display());
    for (made, name) in [(&by_name, "libkey.so"), (&by_path, secret.to_str().unwrap())] {
        let module = own.join("package/module.so");
        library(&module, &[&folder, made.to_str().unwrap()]);
        assert_eq!(super::needs::read(&module).unwrap().unwrap().names, [name]);
        let mut root = Root::default();
        root.file(&module).unwrap();
        Libraries::of_this_host(None).collect(&mut root).unwrap();
        assert!(!root.entries.contains_key(&below(&secret)), "{name}");
    }
}

#[test]
fn links_on_the_way_to_a_file_come_along() {
    let host = folder(&[("opt/tool-1.2/bin/tool", "#!/bin/sh\n")]);
    let own = fs::canonicalize(host.path()).unwrap();
    symlink("tool-1.2", own.join("opt/tool")).unwrap();
    symlink(own.join("opt/tool/bin/tool"), own.join("tool")).unwrap();
    let mut root = Root::default();
    assert_eq!(root.file(&own.join("tool")), Some(own.join("opt/tool-1.2/bin/tool")));
    let found = unpacked(&packed(&root).unwrap());
    for path in ["tool", "opt/tool", "opt/tool-1.2/bin/tool"] {
        assert!(found.contains_key(&below(&own.join(path))), "{path}: {:?}", found.keys());
    }
    symlink("round", own.join("round")).unwrap();
    assert_eq!(root.file(&own.join("round")), None);
}

#[test]
fn links_that_lead_out_are_left_out() {
    let host = folder(&[("tree/file", "x")]);
    for (name, target) in [
        ("good", "file"),
        ("chain", "good"),
        ("up", "../file"),
        ("out", "/etc/shadow"),
        ("round", "round"),
        ("gone", "nothing"),
    ] {
        symlink(target, host.path().join("tree").join(name)).unwrap();
    }
    let mut root = Root::default();
    root.tree(&host.path().join("tree"), Path::new("/top"), &|_| true).unwrap();
    let found = unpacked(&packed(&root).unwrap());
    let names: Vec<&str> = found.keys().filter_map(|path| path.to_str()).collect();
    assert_eq!(names, ["top", "top/chain", "top/file", "top/good"]);
}

#[test]
fn modes_and_long_paths() {
    let long = ["folder-with-a-long-name"; 12].join("/");
    let host = folder(&[("program", "x"), ("private", "y"), (&long, "z")]);
    for (name, mode) in [("program", 0o6755), ("private", 0o600)] {
        fs::set_permissions(host.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let mut root = Root::default();
    root.tree(host.path(), Path::new("/"), &|_| true).unwrap();
    let found = unpacked(&packed(&root).unwrap());
    let wanted = [("program", 0o755, "x"), ("private", 0o644, "y"), (&long, 0o644, "z")];
    for (path, mode, content) in wanted {
        assert_eq!(found[Path::new(path)], (mode, content.as_bytes().to_vec()), "{path}");
    }
}

#[test]
fn only_what_all_users_may_read_comes_from_the_system() {
    let host = folder(&[
        ("certs/a.pem", "a"),
        ("certs/key.pem", "k"),
        ("closed/inner.pem", "i"),
        ("certs/java/b", "b"),
    ]);
    let own = fs::canonicalize(host.path()).unwrap();
    for (name, mode) in [("certs/key.pem", 0o640), ("closed", 0o700)] {
        fs::set_permissions(own.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    for (name, target) in [("link.pem", "a.pem"), ("inner.pem", "../closed/inner.pem"), ("round", ".")] {
        symlink(target, own.join("certs").join(name)).unwrap();
    }
    let mut root = Root::default();
    root.followed(&own.join("certs")).unwrap();
    let all: Vec<PathBuf> = root
        .entries
        .keys()
        .map(|path| path.strip_prefix(below(&own.join("certs"))).unwrap().to_owned())
        .collect();
    assert_eq!(all, ["a.pem", "java/b", "link.pem"].map(PathBuf::from));
    assert_eq!(root.entries[&below(&own.join("certs/link.pem"))], Entry::File(own.join("certs/a.pem")));
}

#[test]
fn files_that_vanish_or_shrink_are_named() {
    let host = folder(&[("tree/file", "content")]);
    let path = host.path().join("tree/file");
    let mut root = Root::default();
    root.tree(&host.path().join("tree"), Path::new("/"), &|_| true).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(error(&root).starts_with(&format!("read {}: No such file", path.display())), "{}", error(&root));
    let missing = host.path().join("missing");
    let listed = root.tree(&missing, Path::new("/"), &|_| true).unwrap_err();
    assert!(listed.to_string().starts_with(&format!("read {}: ", missing.display())), "{listed}");
    // A file of the kernel says another length than it has.
    let page = Path::new("/sys/kernel/mm/transparent_hugepage/enabled");
    let longer = if page.exists() { page } else { Path::new("/sys/kernel/uevent_seqnum") };
    root.entries.insert("file".into(), Entry::File(longer.into()));
    assert!(error(&root).contains("became shorter") && error(&root).contains("/sys/"), "{}", error(&root));
}

#[test]
fn a_full_disk_is_told_from_an_unreadable_file() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let host = folder(&[("file", &"x".repeat(100_000))]);
    let mut root = Root::default();
    root.tree(host.path(), Path::new("/"), &|_| true).unwrap();
    for room in [0, 600, 50_000, 100_600] {
        let failed = archive::write(&root.entries, Full(room));
        assert!(matches!(failed, Err(ImageError::Write(_))), "{room}: {failed:?}");
    }
    archive::write(&root.entries, Full(200_000)).unwrap();
}
