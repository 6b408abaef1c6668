//! The check itself: bounds first, then a front end on a stack of its own, then the judge.

use crate::policy::{Effect, Policy};
use crate::sighting::{Seen, Sighting};
use crate::{bash, javascript, judge, places::Places, python, rule};
use protocol::{Finding, FindingKind, Language, Span};
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Parsers recurse. What is deeper than the scans allow never reaches them; what is not fits in here. Bytes.
const STACK_BYTES: usize = 64 << 20;
/// Longer code is not looked through: that would take a tenth of a second and more. Bytes.
const LOOKED_BYTES_MAX: usize = 1 << 20;

/// Whether code may run, and why not or with what advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The code must not run.
    pub denied: bool,
    /// The reasons, in the order of the code.
    pub findings: Vec<Finding>,
}

/// Says whether code may run under a policy.
///
/// The same code under the same policy has the same verdict, whatever ran before. It reads and writes nothing, never
/// panics, and its time grows with the length of the code, which the policy bounds.
pub fn check(policy: &Policy, language: Language, code: &str) -> Verdict {
    if code.len() > policy.code_bytes_max {
        return too_long(policy, code);
    }
    let looked = catch_unwind(AssertUnwindSafe(|| stacker::grow(STACK_BYTES, || look(language, code))));
    match looked {
        Ok(sightings) => judge::judge(policy, language, sightings),
        Err(_) => failed(policy, code),
    }
}

fn look(language: Language, code: &str) -> Vec<Sighting> {
    if code.len() > LOOKED_BYTES_MAX {
        return vec![Sighting { seen: Seen::TooLong, span: whole(code) }];
    }
    match language {
        Language::Python => python::look(code),
        Language::Javascript => javascript::look(code),
        Language::Typescript => javascript::look_typed(code),
        Language::Bash => commands(bash::look(code)),
        Language::R => vec![Sighting { seen: Seen::Unchecked, span: whole(code) }],
    }
}

/// What Bash calls is a command, for which a policy has a list of its own.
pub(crate) fn commands(mut sightings: Vec<Sighting>) -> Vec<Sighting> {
    for sighting in &mut sightings {
        if let Seen::Call(name) = &mut sighting.seen {
            sighting.seen = Seen::Command(std::mem::take(name));
        }
    }
    sightings
}

fn too_long(policy: &Policy, code: &str) -> Verdict {
    let message = format!("the code has {} bytes, {} are allowed", code.len(), policy.code_bytes_max);
    let hint = "put data into a file in /workspace and read it; split long code into several cells";
    judge::verdict(vec![Finding {
        rule: rule::CODE_TOO_LONG.into(),
        kind: FindingKind::Denied,
        span: whole(code),
        message,
        hint: Some(hint.into()),
    }])
}

fn failed(policy: &Policy, code: &str) -> Verdict {
    let kind = if policy.unknown == Effect::Deny { FindingKind::Denied } else { FindingKind::Unresolved };
    judge::verdict(vec![Finding {
        rule: rule::CHECK_FAILED.into(),
        kind,
        span: whole(code),
        message: "the check broke down on this code".into(),
        hint: Some("write the code more simply".into()),
    }])
}

fn whole(code: &str) -> Span {
    Places::new(code).span(0, code.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_fails_denies_where_the_unknown_is_denied() {
        for (name, denied) in [("open", false), ("standard", false), ("strict", true)] {
            let verdict = failed(&Policy::preset(name).unwrap(), "x\ny");
            assert_eq!((verdict.denied, verdict.findings[0].span.end_line), (denied, 2), "{name}");
        }
    }
}
