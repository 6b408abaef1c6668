//! How each test ended, from what the runners print; which tests found out that they cannot run, from the file of skips.

use std::collections::BTreeMap;

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Passed,
    Failed,
    /// It found out for itself that it cannot run, and why.
    Skipped(String),
}

/// Tests by their names in the program that has them.
pub type Outcomes = BTreeMap<String, Ended>;

/// What a line tells of one test: libtest's `test NAME ... ok`, nextest's `PASS [ 0.1s] (1/9) PROGRAM NAME`.
pub fn from_line(line: &str) -> Option<(String, Ended)> {
    if let Some(rest) = line.strip_prefix("test ") {
        let (name, end) = rest.rsplit_once(" ... ")?;
        let ended = match end {
            "ok" => Ended::Passed,
            "FAILED" => Ended::Failed,
            _ => return None,
        };
        return Some((name.trim().to_owned(), ended));
    }
    let (word, rest) = line.trim_start().split_once(" [")?;
    let ended = match word {
        "PASS" | "LEAK" => Ended::Passed,
        "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" => Ended::Failed,
        word if word.starts_with("SIG") => Ended::Failed,
        _ => return None,
    };
    let name = rest.split_whitespace().next_back()?;
    Some((name.to_owned(), ended))
}

/// What a line `NAME: REASON` of the file of skips tells.
pub fn from_skip(line: &str) -> Option<(String, Ended)> {
    let (name, reason) = line.split_once(": ")?;
    Some((name.to_owned(), Ended::Skipped(reason.to_owned())))
}

/// Adds an outcome. A failure stays one, and who skipped itself did not pass.
pub fn add(outcomes: &mut Outcomes, (name, ended): (String, Ended)) {
    match (outcomes.get(&name), &ended) {
        (Some(Ended::Failed), _) | (Some(Ended::Skipped(_)), Ended::Passed) => {}
        _ => _ = outcomes.insert(name, ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_names_its_tests() {
        let rows = [
            ("test native::limits::memory ... ok", Some(("native::limits::memory", Ended::Passed))),
            ("test native::escape::a        ... FAILED", Some(("native::escape::a", Ended::Failed))),
            ("        PASS [   0.1s] (  1/9) belljar-interpreter::walls a::b", Some(("a::b", Ended::Passed))),
            ("     SIGSEGV [   0.1s] (  1/9) belljar-interpreter::walls a::b", Some(("a::b", Ended::Failed))),
            ("        SLOW [> 60.000s] (───) belljar-interpreter::walls a::b", None),
            ("     Summary [   0.3s] 5 tests run: 2 passed", None),
            ("test result: ok. 1 passed", None),
            ("test doc ... ignored", None),
        ];
        for (line, expected) in rows {
            assert_eq!(from_line(line), expected.map(|(name, ended)| (name.to_owned(), ended)), "{line}");
        }
    }

    #[test]
    fn a_failure_stays_and_a_skip_is_not_a_pass() {
        let mut outcomes = Outcomes::new();
        for (name, ended) in [
            ("a", Ended::Failed),
            ("a", Ended::Passed),
            ("b", Ended::Passed),
            ("c", Ended::Skipped("no node".into())),
            ("c", Ended::Passed),
        ] {
            add(&mut outcomes, (name.to_owned(), ended));
        }
        add(&mut outcomes, from_skip("b: no wall: none").unwrap());
        let ends: Vec<&Ended> = outcomes.values().collect();
        let skipped = |why: &str| Ended::Skipped(why.to_owned());
        assert_eq!(ends, [&Ended::Failed, &skipped("no wall: none"), &skipped("no node")]);
    }
}
