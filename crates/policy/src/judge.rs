//! Turns what a front end saw into findings. The words that a model reads are made here and in `hint`.

use crate::policy::{Effect, Policy};
use crate::sighting::{Seen, Sighting};
use crate::{Verdict, hint, rule};
use protocol::{Finding, FindingKind, Language, Span};
use std::collections::{BTreeMap, BTreeSet};

/// More findings than this are counted, not listed.
const FINDINGS_MAX: usize = 50;
const WORKSPACE: &str = "/workspace";

/// The verdict on what was seen.
pub(crate) fn judge(policy: &Policy, language: Language, sightings: Vec<Sighting>) -> Verdict {
    let mut judge = Judge { policy, language, advised: BTreeSet::new() };
    let mut places: BTreeMap<(u32, u32), Finding> = BTreeMap::new();
    let mut sightings = sightings;
    sightings.sort_by_key(|sighting| (sighting.span.line, sighting.span.column));
    for sighting in &sightings {
        let Some(finding) = judge.finding(sighting) else { continue };
        let place = (sighting.span.line, sighting.span.column);
        match places.get(&place) {
            Some(known) if weight(known.kind) >= weight(finding.kind) => {}
            _ => drop(places.insert(place, finding)),
        }
    }
    verdict(places.into_values().collect())
}

/// A verdict of these findings, the first of them where there are too many.
pub(crate) fn verdict(mut findings: Vec<Finding>) -> Verdict {
    let denied = findings.iter().any(|finding| finding.kind == FindingKind::Denied);
    if findings.len() > FINDINGS_MAX {
        let more = findings.len() - FINDINGS_MAX + 1;
        // What denies must not be among those that are left out.
        findings.sort_by_key(|finding| std::cmp::Reverse(weight(finding.kind)));
        findings.truncate(FINDINGS_MAX - 1);
        findings.sort_by_key(|finding| finding.span);
        let last = findings.last().expect("the list was cut, not emptied").clone();
        let message = format!("{more} more findings are not listed");
        let kind = if denied { FindingKind::Denied } else { FindingKind::Advice };
        findings.push(Finding { rule: rule::MORE.into(), kind, message, hint: None, ..last });
    }
    Verdict { denied, findings }
}

fn weight(kind: FindingKind) -> u8 {
    match kind {
        FindingKind::Denied => 2,
        FindingKind::Unresolved => 1,
        FindingKind::Advice => 0,
    }
}

struct Judge<'a> {
    policy: &'a Policy,
    language: Language,
    /// Advice is given once.
    advised: BTreeSet<&'a str>,
}

impl Judge<'_> {
    fn finding(&mut self, sighting: &Sighting) -> Option<Finding> {
        let policy = self.policy;
        let at = At { span: sighting.span, effect: policy.forbidden };
        match &sighting.seen {
            Seen::Import(name) | Seen::StarImport(name) if self.import_denied(name) => {
                let hint = hint::for_import(policy, self.language, name);
                at.finding(
                    rule::IMPORT,
                    format!("{name} is not among the modules that may be used"),
                    Some(hint),
                )
            }
            Seen::Import(name) | Seen::StarImport(name) => self.advice(name, sighting.span),
            Seen::Call(name) | Seen::Use(name) if policy.calls.denies(name) => {
                let verb = if matches!(sighting.seen, Seen::Call(_)) { "called" } else { "used" };
                at.finding(rule::CALL, format!("{name} must not be {verb}"), Some(hint::for_call(name)))
            }
            Seen::Use(name) if policy.calls.denies_below(name) => self.unresolved(
                &format!("{name} is handed on, and what is called on it cannot be followed"),
                sighting,
            ),
            Seen::Call(name) => self.advice(name, sighting.span),
            Seen::Use(_) => None,
            Seen::Command(name) if policy.commands.denies(name) => {
                let hint = hint::for_command(policy);
                at.finding(rule::COMMAND, format!("the command {name} must not be used"), hint)
            }
            Seen::Command(name) => self.advice(name, sighting.span),
            Seen::Attribute(name) if policy.attributes.names_as_denied(name) => at.finding(
                rule::ATTRIBUTE,
                format!("the attribute {name} must not be used"),
                Some("do without it".into()),
            ),
            Seen::Attribute(_) => None,
            Seen::Dunder(chain) => self.dunder(chain, sighting.span),
            Seen::Write(path) => self.write(path.as_deref(), sighting),
            Seen::Shell(text) => {
                let message = match text {
                    Some(text) => format!("a shell runs {:?}", hint::short(text)),
                    None => "a shell runs a command".to_owned(),
                };
                let hint = hint::for_shell(self.language);
                At { effect: policy.shell, ..at }.finding(rule::SHELL, message, Some(hint))
            }
            Seen::Unresolved(what) => self.unresolved(what, sighting),
            Seen::Syntax(message) => At { effect: policy.syntax, ..at }.finding(
                rule::SYNTAX,
                format!("the code does not parse: {message}"),
                None,
            ),
            Seen::TooDeep(what) => {
                let hint = "use a loop, join() or sum(), or names for the parts";
                self.unseen(rule::TOO_DEEP, what.clone(), hint, sighting)
            }
            Seen::TooLong => {
                let message = "the code is too long to be looked through".to_owned();
                let hint =
                    "put data into a file in /workspace and read it; split long code into several cells";
                self.unseen(rule::CODE_TOO_LONG, message, hint, sighting)
            }
            Seen::Unchecked => self.unchecked(sighting.span),
            Seen::Unknown(what) => At { effect: policy.unknown, ..at }.finding(
                rule::UNKNOWN,
                format!("{what} is not known to the check"),
                Some("write it in plain code".into()),
            ),
        }
    }

    fn import_denied(&self, name: &str) -> bool {
        let imports = &self.policy.imports;
        match self.language {
            // Node finds its own modules with and without the prefix.
            language if language.is_on_node() && !name.starts_with("node:") => {
                imports.denies(&format!("node:{name}")) || imports.names_as_denied(name)
            }
            _ => imports.denies(name),
        }
    }

    fn dunder(&self, chain: &str, span: Span) -> Option<Finding> {
        let last = chain.rsplit('.').next().unwrap_or(chain);
        let attributes = &self.policy.attributes;
        let named = attributes.names_as_denied(last);
        if !named && attributes.allow.iter().flatten().any(|allowed| allowed == last) {
            return None;
        }
        let effect = if named { self.policy.forbidden } else { self.policy.dunder };
        let hint = "attributes with two underscores lead into the interpreter: use plain attributes, type(x) or isinstance()";
        At { span, effect }.finding(rule::DUNDER, format!("{chain} must not be used"), Some(hint.into()))
    }

    fn write(&self, path: Option<&str>, sighting: &Sighting) -> Option<Finding> {
        let folders = self.policy.writes.folders.as_ref()?;
        let Some(path) = path else {
            return self.unresolved("a file is opened for writing, and its path is computed", sighting);
        };
        let whole = absolute(path);
        if folders.iter().any(|folder| is_in(folder, &whole)) {
            return None;
        }
        let hint = format!("write below {}", folders.join(" or "));
        let at = At { span: sighting.span, effect: self.policy.forbidden };
        at.finding(rule::WRITE, format!("{:?} must not be written", hint::short(path)), Some(hint))
    }

    fn unresolved(&self, what: &str, sighting: &Sighting) -> Option<Finding> {
        let effect = self.policy.unresolved;
        let hint = "write the name or the code itself, so that it can be seen";
        let found = At { span: sighting.span, effect }.finding(
            rule::UNRESOLVED,
            what.to_owned(),
            Some(hint.into()),
        )?;
        let kind = if effect == Effect::Advise { FindingKind::Unresolved } else { found.kind };
        Some(Finding { kind, ..found })
    }

    /// Code that no parser saw. It is always told: the verdict is not about what the code does.
    fn unseen(&self, rule: &str, message: String, hint: &str, sighting: &Sighting) -> Option<Finding> {
        let kind = match self.policy.unresolved {
            Effect::Deny => FindingKind::Denied,
            Effect::Advise | Effect::Ignore => FindingKind::Unresolved,
        };
        let (rule, hint) = (rule.to_owned(), Some(hint.to_owned()));
        Some(Finding { rule, kind, span: sighting.span, message, hint })
    }

    /// Code of a language that has no parser here: a policy that denies anything cannot let it run.
    fn unchecked(&self, span: Span) -> Option<Finding> {
        let kind = match self.policy.unresolved {
            _ if self.policy.denies_something() => FindingKind::Denied,
            Effect::Ignore => return None,
            Effect::Deny | Effect::Advise => FindingKind::Unresolved,
        };
        let message = format!("{} code is not looked through: there is no parser for it", self.language);
        let hint = "write it in python, javascript, typescript or bash";
        let hint = (kind == FindingKind::Denied).then(|| hint.to_owned());
        Some(Finding { rule: rule::NOT_CHECKED.to_owned(), kind, span, message, hint })
    }

    fn advice(&mut self, name: &str, span: Span) -> Option<Finding> {
        let (key, hint) = self.policy.advice.iter().rfind(|(key, _)| crate::policy::covers(key, name))?;
        if !self.advised.insert(key) {
            return None;
        }
        At { span, effect: Effect::Advise }.finding(
            rule::MAY_FAIL,
            format!("{name} may not work here"),
            Some(hint.clone()),
        )
    }
}

struct At {
    span: Span,
    effect: Effect,
}

impl At {
    fn finding(self, rule: &str, message: String, hint: Option<String>) -> Option<Finding> {
        let kind = match self.effect {
            Effect::Deny => FindingKind::Denied,
            Effect::Advise => FindingKind::Advice,
            Effect::Ignore => return None,
        };
        Some(Finding { rule: rule.to_owned(), kind, span: self.span, message, hint })
    }
}

/// A path as the code's first folder gives it, without `.` and `..`.
fn absolute(path: &str) -> String {
    let path = path.strip_prefix("~").map_or_else(|| path.to_owned(), |rest| format!("/~{rest}"));
    let joined = if path.starts_with('/') { path } else { format!("{WORKSPACE}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn is_in(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_whole() {
        let cases = [
            ("out.csv", true),
            ("/workspace/a/b", true),
            ("/workspace", true),
            ("/workspaces/x", false),
            ("../etc/passwd", false),
            ("/workspace/../tmp/x", false),
            ("a/../../workspace/x", true),
            ("~/x", false),
            ("/tmp/x", false),
        ];
        for (path, inside) in cases {
            assert_eq!(is_in("/workspace", &absolute(path)), inside, "{path}");
        }
    }
}
