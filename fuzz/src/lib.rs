//! What must hold for any code at all.

use policy::{PRESETS, Policy, check};
use protocol::Language;

/// Checks code under every preset; panics when a promise of the check is broken.
pub fn hold(language: Language, code: &str) {
    for name in PRESETS {
        let policy = Policy::preset(name).expect("it is a preset");
        let verdict = check(&policy, language, code);
        assert_eq!(check(&policy, language, code), verdict);
        let lines = 1 + code.bytes().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
        for found in &verdict.findings {
            assert_ne!(found.rule, "check-failed");
            assert!(found.span.line >= 1 && found.span.end_line as usize <= lines);
        }
        assert!(name != "open" || !verdict.denied);
    }
}
