//! Mutated code of the corpus: the check never panics, says the same twice, and points into the text.
//!
//! The mutations are the same in every run. `fuzz/` looks for what these do not find.

use policy::{PRESETS, Policy, check, rules};
use protocol::{Finding, Language};
use std::path::Path;

/// For each file and each preset.
const ROUNDS: usize = 40;

/// Pieces that languages give a meaning to.
const PIECES: [&str; 40] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "'''",
    "`",
    "$(",
    "${",
    "<<EOF\n",
    "f'{",
    "\\",
    "\n",
    "\r",
    "\t",
    "    ",
    "#",
    "//",
    "/*",
    "%%",
    "!",
    "?",
    ";",
    ":=",
    "=>",
    "lambda: ",
    "await ",
    "__class__",
    "eval(",
    "import os\n",
    "\u{feff}",
    "é",
    "𝘦",
    "\u{0}",
    "%%bash\n",
    ">>> ",
    "@",
];

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

/// Removes, repeats, or puts in a few times.
fn mutated(code: &str, dice: &mut Dice) -> String {
    let mut chars: Vec<char> = code.chars().collect();
    for _ in 0..=dice.below(4) {
        let at = dice.below(chars.len() + 1);
        let end = (at + dice.below(12)).min(chars.len());
        match dice.below(4) {
            0 => drop(chars.drain(at..end)),
            1 => chars.splice(at..at, chars[at..end].to_vec().repeat(1 + dice.below(20))).for_each(drop),
            2 => chars.truncate(at.max(1)),
            _ => drop(chars.splice(at..at, PIECES[dice.below(PIECES.len())].chars())),
        }
    }
    chars.into_iter().collect()
}

fn is_comment(line: &str) -> bool {
    ["# from:", "# expect:", "// from:", "// expect:"].iter().any(|head| line.starts_with(head))
}

fn is_inside(code: &str, found: &Finding) -> bool {
    let code = code.replace("\r\n", "\n");
    let lines: Vec<&str> = code.split(['\n', '\r']).collect();
    let span = found.span;
    // A byte order mark and a line's end may be counted.
    let fits = |line: u32, column: u32| {
        let chars = lines.get(line as usize - 1).map(|line| line.chars().count());
        column >= 1 && chars.is_some_and(|chars| column as usize <= chars + 2)
    };
    fits(span.line, span.column)
        && fits(span.end_line, span.end_column)
        && (span.line, span.column) <= (span.end_line, span.end_column)
}

#[test]
fn mutated_code_has_a_verdict() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let policies = PRESETS.map(|name| Policy::preset(name).unwrap());
    let mut dice = Dice(0x0BE1_17A8);
    let mut checked = 0;
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // The comments above the code would keep magics from being in the first line.
            let text: String = text.split_inclusive('\n').skip_while(|line| is_comment(line)).collect();
            for round in 0..ROUNDS {
                let code = if round == 0 { text.clone() } else { mutated(&text, &mut dice) };
                // Any code may be said to be in any language.
                let language = match dice.below(4) {
                    0 => Language::Bash,
                    1 => Language::Javascript,
                    _ => file.extension().unwrap().to_str().unwrap().parse().unwrap(),
                };
                for policy in &policies {
                    verdict_holds(policy, language, &code);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

fn verdict_holds(policy: &Policy, language: Language, code: &str) {
    let verdict = check(policy, language, code);
    let told = format!("{} {language} {code:?}: {verdict:?}", policy.name());
    assert_eq!(check(policy, language, code), verdict, "{told}");
    assert!(verdict.findings.len() <= 50, "{told}");
    for found in &verdict.findings {
        assert!(rules().iter().any(|rule| rule.id == found.rule), "{told}");
        assert!(found.rule != "check-failed", "{told}");
        assert!(is_inside(code, found), "{told}");
    }
    assert!(policy.name() != "open" || !verdict.denied, "{told}");
}
