//! A corpus of code with the verdict that each file must have: `tests/corpus/POLICY/NAME.{py,js,sh}`. What lies in
//! `harmless` must have its verdict under `strict` and under `standard`.
//!
//! A file begins with comments that are not part of the code: where it comes from, and `expect:` with `denied` or
//! `allowed` and then every finding as `rule:line`, in order, lines counted in the file.

use policy::{Policy, check};
use protocol::Language;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn language(file: &Path) -> Language {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => extension.parse().expect("a known language"),
        None => panic!("{} has no ending", file.display()),
    }
}

/// Splits a file into the expectation, the number of lines above the code, and the code.
fn parts(text: &str) -> (String, usize, &str) {
    let mut expectation = String::new();
    let mut rest = text;
    let mut lines = 0;
    while let Some((line, below)) = rest.split_once('\n') {
        let Some(comment) = line.strip_prefix("# ").or(line.strip_prefix("// ")) else { break };
        let comment = comment.trim();
        if let Some(said) = comment.strip_prefix("expect:") {
            expectation = said.trim().to_owned();
        } else if !comment.starts_with("from:") {
            break;
        }
        lines += 1;
        rest = below;
    }
    (expectation, lines, rest)
}

fn told(policy: &Policy, language: Language, above: usize, code: &str) -> String {
    let verdict = check(policy, language, code);
    let word = if verdict.denied { "denied" } else { "allowed" };
    let findings =
        verdict.findings.iter().map(|found| format!(" {}:{}", found.rule, found.span.line as usize + above));
    word.to_owned() + &findings.collect::<String>()
}

#[test]
fn every_file_has_its_verdict() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut wrong = Vec::new();
    for folder in files(&root) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let presets = if name == "harmless" { vec!["strict", "standard"] } else { vec![name] };
        for (preset, file) in
            presets.iter().flat_map(|preset| files(&folder).into_iter().map(move |file| (preset, file)))
        {
            let policy = Policy::preset(preset).unwrap_or_else(|| panic!("{preset} is not a preset"));
            let text = std::fs::read_to_string(&file).unwrap();
            let (expectation, above, code) = parts(&text);
            let told = told(&policy, language(&file), above, code);
            if told != expectation {
                wrong
                    .push(format!("{preset}: {}\n  expect: {expectation}\n  found:  {told}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_denies_under_strict_runs_under_open() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let open = Policy::preset("open").unwrap();
    for file in files(&root).iter().flat_map(|folder| files(folder)) {
        let text = std::fs::read_to_string(&file).unwrap();
        let verdict = check(&open, language(&file), parts(&text).2);
        assert!(!verdict.denied, "{}: {:?}", file.display(), verdict.findings);
    }
}

#[test]
fn the_sandbox_contains_it_so_standard_denies_nothing() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let standard = Policy::default();
    let mut seen = 0;
    for file in ["escape", "benign"].iter().flat_map(|folder| files(&tests.join(folder))) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let verdict = check(&standard, language(&file), &text);
        assert!(!verdict.denied, "{}: {:?}", file.display(), verdict.findings);
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}
