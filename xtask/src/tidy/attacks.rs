//! Every program under tests/escape and tests/benign says which promise it is about, and how it must end.

use super::{File, Problem};
use std::collections::BTreeMap;

/// `# outcome:` names one of these, or several with `|` between them where each is a fair end.
const OUTCOMES: [&str; 6] = ["ok", "error", "timeout", "out_of_memory", "killed", "lost"];
const LIMITS: [&str; 8] = ["timeout", "cpu", "memory", "pids", "disk", "inodes", "open_files", "output"];
const LINES_MAX: usize = 60;

/// Checks the heads of all such programs, and that no two make the same promise.
pub fn check(files: &[File]) -> Vec<Problem> {
    let programs = files.iter().filter(|file| {
        file.is_source()
            && ["tests/escape/", "tests/benign/"].iter().any(|folder| file.path.starts_with(folder))
    });
    let mut problems = Vec::new();
    let mut promises: BTreeMap<&str, &str> = BTreeMap::new();
    for file in programs {
        problems.extend(check_one(file));
        if let Some(promise) = head(file, "promise")
            && let Some(other) = promises.insert(promise, &file.path)
        {
            problems.push(file.problem(1, format!("the same promise as {other}")));
        }
    }
    problems
}

fn check_one(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |message: String| problems.push(file.problem(1, message));
    if head(file, "promise").is_none_or(str::is_empty) {
        wrong("name the promise in the head: `# promise: …`".into());
    }
    match head(file, "outcome") {
        Some(outcomes) if outcomes.split('|').all(|outcome| OUTCOMES.contains(&outcome)) => {}
        _ => wrong(format!("name the expected status in the head: `# outcome: {}`", OUTCOMES.join("|"))),
    }
    if head(file, "user-kernel").is_some_and(|ends| ends.split('|').any(|end| !OUTCOMES.contains(&end))) {
        wrong(format!("name a status: `# user-kernel: {}`", OUTCOMES.join("|")));
    }
    if head(file, "shared-kernel-only").is_some_and(str::is_empty) {
        wrong("say why it says nothing elsewhere: `# shared-kernel-only: …`".into());
    }
    for pair in head(file, "limits").unwrap_or_default().split_whitespace() {
        if !pair.split_once('=').is_some_and(|(name, value)| LIMITS.contains(&name) && !value.is_empty()) {
            wrong(format!("`{pair}` is no limit: {}", LIMITS.join(", ")));
        }
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        wrong(format!("{lines} lines: one attack has {LINES_MAX} at most"));
    }
    problems
}

/// The value of `# name: value` among the comment lines at the top.
fn head<'a>(file: &'a File, name: &str) -> Option<&'a str> {
    let comments = file.text.lines().map_while(|line| line.strip_prefix('#').or(line.strip_prefix("//")));
    comments
        .filter_map(|line| line.trim().split_once(':'))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&[File::new("tests/escape/a.py", text).unwrap()]).len()
    }

    #[test]
    fn an_attack_without_a_promise_is_found() {
        assert_eq!(
            count("# promise: no way out\n# outcome: ok|lost\n# limits: memory=1M pids=3\nprint()\n"),
            0
        );
        assert_eq!(count("# outcome: ok\n# promise:\n"), 1);
        assert_eq!(count("import os\n# promise: too late\n# outcome: ok\n"), 2);
        assert_eq!(count("# promise: a\n# outcome: fine\n# limits: luck=3\n"), 2);
        assert_eq!(count("# promise: a\n# outcome: ok\n# user-kernel: fine\n# shared-kernel-only:\n"), 2);
        assert_eq!(count("# promise: a\n# outcome: ok\n# user-kernel: lost\n# shared-kernel-only: b\n"), 0);
    }

    #[test]
    fn two_attacks_on_one_promise_are_found() {
        let text = "# promise: no way out\n# outcome: ok\n";
        let files = ["a", "b"].map(|name| File::new(&format!("tests/escape/{name}.py"), text).unwrap());
        assert_eq!(check(&files).len(), 1);
    }
}
