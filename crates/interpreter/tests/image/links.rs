//! Every program and library of an image, asked through the loader in it: what it needs must be inside.

use crate::scene::Root;
use interpreter::template::Template;
use std::process::Command;

/// Prints `path\tlibrary` for everything that the loader inside does not find, and how many files it was asked for.
const ASK: &str = r#"
import glob, os, subprocess
loader = next(p for p in glob.glob("/lib64/ld-linux*.so.*") + glob.glob("/lib/ld-*.so.*"))
asked = 0
for folder, _, names in os.walk("/"):
    if folder.startswith(("/proc", "/dev")): continue
    for path in (os.path.join(folder, name) for name in names):
        if os.path.islink(path) or not os.path.isfile(path) or open(path, "rb").read(4) != b"\x7fELF": continue
        asked += 1
        for line in subprocess.run([loader, "--list", path], capture_output=True, text=True).stdout.splitlines():
            if "not found" in line: print(path, line.split("=>")[0].strip(), sep="\t")
print(asked)
"#;

/// Asks for every file of a root.
pub fn all_lead_inside(root: &Root, template: &Template) {
    let output = root.run(&["/.belljar/template/bin/python", "-I", "-c", ASK]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let (missing, asked) = said.trim().rsplit_once('\n').unwrap_or(("", said.trim()));
    assert!(asked.parse::<u32>().unwrap() > 100, "only {asked} files");
    let missing: Vec<&str> =
        missing.lines().filter(|line| !is_missing_on_this_host(template, line)).collect();
    assert_eq!(missing, [""; 0]);
}

/// Packages bring libraries of which others in the same process are loaded by whoever loads them.
fn is_missing_on_this_host(template: &Template, line: &str) -> bool {
    let (path, library) = line.split_once('\t').unwrap();
    let path = match path.strip_prefix("/.belljar/template/") {
        Some(below) => template.root.join(below),
        None => path.into(),
    };
    let output = Command::new("ldd").arg(path).output().unwrap();
    let lists = String::from_utf8_lossy(&output.stdout);
    lists.lines().any(|line| line.contains(library) && line.contains("not found"))
}
