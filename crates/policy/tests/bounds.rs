//! Code that is made to bring a parser down ends in a finding: every kind of nesting, 100,000 levels deep.

use policy::{PRESETS, Policy, check};
use protocol::Language;

const LEVELS: usize = 100_000;

/// Each kind of nesting with `levels` levels.
fn python(levels: usize) -> Vec<(&'static str, String)> {
    let around = |open: &str, inner: &str, close: &str| open.repeat(levels) + inner + &close.repeat(levels);
    let before = |prefix: &str, inner: &str| prefix.repeat(levels) + inner;
    let after = |inner: &str, suffix: &str| inner.to_owned() + &suffix.repeat(levels);
    let indented = |head: &str| {
        let lines = (0..levels.min(3_000)).map(|level| format!("{}{head}\n", " ".repeat(level)));
        lines.collect::<String>() + &" ".repeat(levels.min(3_000)) + "pass\n"
    };
    vec![
        ("lists", around("[", "1", "]")),
        ("brackets left open", before("(", "1")),
        ("tuples", around("(", "1", ",)")),
        ("dicts", around("{1:", "1", "}")),
        ("calls around", around("f(", "1", ")")),
        ("subscripts around", around("a[", "1", "]")),
        ("f-strings", around("f'{", "1", "}'")),
        ("f-strings in quotes of all kinds", around("f\"{f'{", "1", "}'}\"")),
        ("format specifications", format!("f'{{1:{}'", "{1:".repeat(levels))),
        ("t-strings", around("t'{", "1", "}'")),
        ("comprehensions", around("[x for x in ", "y", "]")),
        ("not", before("not ", "x")),
        ("minus", before("-", "x")),
        ("plus and tilde", before("+~", "x")),
        ("await", before("await ", "x")),
        ("yield", before("yield ", "x")),
        ("yield from", before("yield from ", "x")),
        ("star", before("*", "x")),
        ("lambda", before("lambda: ", "x")),
        ("lambda with commas", before("lambda a, b: ", "x")),
        ("lambda with defaults", before("lambda a=lambda: ", "x")),
        ("sum", after("a", "+a")),
        ("power", after("a", "**a")),
        ("union", after("a", "|a")),
        ("matrix product", after("a", "@a")),
        ("attributes", after("a", ".a")),
        ("calls", after("a", "()")),
        ("subscripts", after("a", "[0]")),
        ("conditional", after("a", " if b else a")),
        ("walrus", around("(a:=", "1", ")")),
        ("if", indented("if x:")),
        ("def", indented("def f():")),
        ("class", indented("class A:")),
        ("while in one line", before("while x: ", "pass")),
        ("if in one line", before("if x: ", "pass")),
        ("if with commas in one line", before("if x, y: ", "pass")),
        ("def in one line", before("def f(): ", "pass")),
        ("try in one line", before("try: ", "pass")),
        ("match in one line", before("match x: ", "pass")),
        ("with in one line", before("with a, b: ", "pass")),
        ("else in one line", format!("if x: pass\n{}", before("else: if x: ", "pass"))),
        ("patterns", format!("match x:\n  case {}:\n    pass\n", around("[", "y", "]"))),
        ("types", around("x: a[", "1", "]")),
        ("code in code", around("exec('", "1", "')")),
        ("prompts", before(">>> ", "x")),
        ("cell magics", before("%%time\n", "x")),
        ("expressions in a shell", format!("!echo {{{}}}", around("[", "1", "]"))),
    ]
}

/// What has length, not depth, and is flat in the tree or ends soon.
fn long(levels: usize) -> Vec<(&'static str, String)> {
    let after = |inner: &str, suffix: &str| inner.to_owned() + &suffix.repeat(levels);
    vec![
        ("and", after("a", " and a")),
        ("comparisons", after("a", "<a")),
        ("targets", "a=".repeat(levels) + "1"),
        ("starred targets", "*a, = ".repeat(levels) + "x"),
        ("strings", after("x = 'a'", " 'a'")),
        ("elif", after("if x: pass\n", "elif x: pass\n")),
        ("elements", after("x = [1", ", -1")),
        ("statements", after("x = 1", "; x = -1")),
        ("lines", after("", "x = a.b(c)\n")),
        ("keywords", format!("f({})", "a=1,".repeat(levels))),
        ("decorators", after("", "@a\n") + "def f(): pass\n"),
        ("for clauses", format!("[x {}]", "for x in y ".repeat(1_000))),
        ("continued lines", after("x = 1", " \\\n")),
        ("a long line", format!("x = '{}'; eval('1')", "é".repeat(levels))),
        ("blanks", " ".repeat(levels)),
        ("new lines", "\n".repeat(levels) + "x"),
        ("question marks", "?".repeat(levels)),
        ("percent signs", "%".repeat(levels)),
        ("back slashes", "\\".repeat(levels)),
        ("quotes", "'".repeat(levels)),
        ("zeros", "\0".repeat(levels)),
        ("lambdas in a magic", "%time ".to_owned() + &"lambda: ".repeat(10_000) + "x"),
        ("a query", format!("df.query('{}{}')", "(".repeat(levels), ")".repeat(levels))),
        ("braces in a shell", format!("!{}", "{}".repeat(levels))),
        ("a string that grows", "s = ''\n".to_owned() + &"s += 'a'\n".repeat(10_000)),
        ("names of names", (0..2_000).map(|at| format!("a{at} = a{}\n", at + 1)).collect()),
        ("one name for all", (0..2_000).map(|at| format!("a = m{at}\nimport m{at}\n")).collect()),
    ]
}

fn sized(name: &str) -> Policy {
    Policy::from_toml(name, &format!("extends = \"{name}\"\ncode_bytes_max = 16777216\n")).unwrap()
}

#[test]
fn deep_code_ends_in_a_finding() {
    for name in PRESETS {
        let policy = sized(name);
        for (kind, code) in python(LEVELS) {
            let verdict = check(&policy, Language::Python, &code);
            let told = format!("{name}: {kind}: {:?}", verdict.findings.first());
            assert!(!verdict.findings.is_empty(), "{told}");
            assert_eq!(verdict.denied, name == "strict", "{told}");
            let rule = &verdict.findings[0].rule;
            assert!(
                [
                    "too-deep",
                    "code-too-long",
                    "syntax",
                    "unknown-construct",
                    "unresolved-name",
                    "call-denied"
                ]
                .contains(&rule.as_str()),
                "{told}"
            );
        }
    }
}

#[test]
fn what_is_just_not_too_deep_is_parsed() {
    let policy = sized("strict");
    for levels in [50, 100, 190, 199, 201, 400, 900, 1_999, 2_001] {
        for (_, code) in python(levels) {
            check(&policy, Language::Python, &code);
        }
    }
    let deepest = "[".repeat(199) + "eval" + &"]".repeat(199);
    assert_eq!(check(&policy, Language::Python, &deepest).findings[0].rule, "call-denied");
}

#[test]
fn long_code_takes_no_time() {
    for name in PRESETS {
        let policy = sized(name);
        for (kind, code) in long(LEVELS) {
            let start = std::time::Instant::now();
            let verdict = check(&policy, Language::Python, &code);
            // Generous: the machine may be busy and the build a debug one. What is quadratic takes minutes.
            assert!(start.elapsed().as_secs() < 30, "{name}: {kind}: {:?}", start.elapsed());
            assert!(verdict.findings.len() <= 50, "{kind}");
        }
    }
}

#[test]
fn the_policy_bounds_the_length() {
    let policy = Policy::from_toml("short", "code_bytes_max = 10").unwrap();
    assert!(!check(&policy, Language::Python, "x = 123456").denied);
    let verdict = check(&policy, Language::Python, "x = 1234567");
    assert!(verdict.denied && verdict.findings[0].rule == "code-too-long");
    let long = format!("import os\n{}", "#".repeat(1 << 20));
    for (name, denied) in [("open", false), ("standard", false), ("strict", true)] {
        let verdict = check(&sized(name), Language::Python, &long);
        assert_eq!((verdict.denied, &*verdict.findings[0].rule), (denied, "code-too-long"), "{name}");
    }
}
