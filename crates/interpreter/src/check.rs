//! Whether code may run at all: its size, its form, and the policy. What is refused here costs no sandbox.

use crate::outcome::{self, Verdict};
use policy::Policy;
use protocol::{Category, Finding, FindingKind, Language};
use std::sync::Arc;

/// Longest code, in bytes.
const CODE_BYTES_MAX: usize = 16 << 20;
/// Longer code is checked beside the thread that serves sandboxes.
const INLINE_BYTES_MAX: usize = 16 << 10;

/// What is known of code before it runs.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Why it does not run.
    pub refused: Option<Verdict>,
    /// What the policy says of it.
    pub findings: Vec<Finding>,
}

/// Checks code.
pub(crate) async fn check(code: &[u8], language: Language, policy: &Arc<Policy>) -> Checked {
    let text = match readable(code) {
        Ok(text) => text,
        Err(verdict) => return Checked { refused: Some(verdict), findings: Vec::new() },
    };
    let verdict = if text.len() <= INLINE_BYTES_MAX {
        policy::check(policy, language, text)
    } else {
        let (policy, text) = (policy.clone(), text.to_owned());
        let checked = tokio::task::spawn_blocking(move || policy::check(&policy, language, &text)).await;
        checked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    };
    let refused = verdict.denied.then(|| denied(policy, &verdict.findings));
    Checked { refused, findings: verdict.findings }
}

/// Code that can be sent to a driver.
fn readable(code: &[u8]) -> Result<&str, Verdict> {
    if code.len() > CODE_BYTES_MAX {
        let message = format!("the code has {} bytes, at most {CODE_BYTES_MAX} can be run", code.len());
        let hint = "put data into a file and upload it; the code then reads the file";
        return Err(outcome::refused(Category::Limit, "CodeTooLong", message, hint));
    }
    std::str::from_utf8(code).map_err(|error| {
        let valid = error.valid_up_to();
        let message = format!("the code is not UTF-8: byte {valid} does not fit");
        let hint =
            "save the file as UTF-8; bytes that are data belong into a file or into an escaped literal";
        let mut verdict = outcome::refused(Category::Syntax, "UnicodeDecodeError", message, hint);
        if let Some(error) = &mut verdict.error {
            let line = code[..valid].iter().filter(|&&byte| byte == b'\n').count() + 1;
            error.line = u32::try_from(line).ok();
        }
        verdict
    })
}

fn denied(policy: &Policy, findings: &[Finding]) -> Verdict {
    let mut reasons = findings.iter().filter(|finding| finding.kind == FindingKind::Denied);
    let first = reasons.next();
    let more = match reasons.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    let what =
        first.map_or_else(|| "this code".to_owned(), |f| format!("line {}: {}", f.span.line, f.message));
    let message = format!("the policy {} denies {what}{more}", policy.name());
    outcome::denied(message, first.map(|f| f.span.line), first.and_then(|f| f.hint.clone()))
}
