//! Sightings in Bash: published ways around filters, ordinary scripts, and code that is made to hurt parsers.

use super::look;
use crate::sighting::Seen;

const LEVELS: usize = 100_000;

/// What is seen, on a stack as large as the check gives.
fn seen(code: &str) -> Vec<Seen> {
    let code = code.to_owned();
    let looking = move || look(&code).into_iter().map(|sighting| sighting.seen).collect();
    std::thread::Builder::new().stack_size(64 << 20).spawn(looking).unwrap().join().unwrap()
}

fn words(code: &str) -> String {
    let short = |seen: &Seen| match seen {
        Seen::Call(name) => name.clone(),
        Seen::Syntax(_) => "Syntax".into(),
        Seen::Unresolved(_) => "Unresolved".into(),
        other => format!("{other:?}").replace('"', ""),
    };
    seen(code).iter().map(short).collect::<Vec<_>>().join(" ")
}

/// Checks a table of code and of what is seen in it.
fn found_as_expected(table: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (code, expected) in table {
        let found = words(code);
        if found != *expected {
            wrong.push(format!("{code:?}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_commands_are_followed() {
    found_as_expected(&[
        ("ls -l", "ls"),
        // Quotes and escapes.
        (r"r\m x", "rm"),
        ("'r'm x", "rm"),
        ("r\"\"m x", "rm"),
        ("r''m x", "rm"),
        (r"$'\x72m' x", "rm"),
        (r"$'\162\u006d' x", "rm"),
        ("r\\\nm x", "r Unresolved"),
        ("ls \\\n-l \\\n  x", "ls"),
        ("/bin/rm x", "rm"),
        ("./rm x", "./rm"),
        // Expansions.
        ("{rm,-rf,/}", "Syntax"),
        ("r{m,} x", "rm"),
        ("/bin/r? x", "Unresolved"),
        ("/b*/rm x", "Unresolved"),
        ("c=rm; $c x", "rm"),
        ("a=r; b=m; $a${b} x", "rm"),
        ("x='rm -rf'; $x /", "rm"),
        ("c=rm; c=ls; $c", "Unresolved"),
        ("read c; c=rm; $c", "read Unresolved"),
        ("for c in rm ls; do $c; done", "Unresolved"),
        ("$c x", "Unresolved"),
        ("r${u}m x", "Unresolved"),
        ("r$@m x", "Unresolved"),
        ("cat$IFS/etc/passwd", "cat"),
        ("cat${IFS}/etc/passwd", "cat"),
        ("${!v} x", "Unresolved"),
        ("${c:-rm} x", "Unresolved"),
        ("$(echo rm) x", "Unresolved echo"),
        ("`echo rm` x", "Unresolved echo"),
    ]);
}

#[test]
fn commands_behind_commands_are_followed() {
    found_as_expected(&[
        // Wrappers.
        ("sudo -u root env A=b timeout 5 rm x", "sudo env timeout rm"),
        ("command rm x; builtin eval 'rm x'; exec rm", "command rm builtin eval rm exec rm"),
        ("command -v rm", "command"),
        ("ls | xargs -n 1 rm", "ls xargs rm"),
        ("nohup nice -n 5 rm", "nohup nice rm"),
        ("time rm; ! rm", "time rm rm"),
        ("find . -exec rm {} \\;", "find rm"),
        ("busybox rm x", "busybox rm"),
        ("env -S 'rm x'", "env Unresolved"),
        // Code in texts.
        ("bash -c 'rm x'", "bash rm"),
        ("sh -xc \"rm x\"", "sh rm"),
        ("eval 'eval \"rm x\"'", "eval rm"),
        ("eval \"$x\"", "eval Unresolved Unresolved"),
        ("bash -c \"ls $x\"", "bash Unresolved ls"),
        ("echo cm0= | base64 -d | bash", "echo base64 bash Unresolved"),
        ("printf 'rm' | sh", "printf sh Unresolved"),
        ("bash <<< 'rm x'", "bash rm"),
        ("bash <<'EOF'\nrm x\nEOF", "bash rm"),
        ("bash <<EOF\nrm $x\nEOF", "bash Unresolved rm"),
        ("cat <<EOF\n$(rm x)\nEOF", "cat rm"),
        ("source x; . x", "source Unresolved . Unresolved"),
        ("alias x='rm -f'; x a", "alias rm"),
        ("trap 'rm -f \"$t\"' EXIT", "trap rm"),
        ("awk 'BEGIN{system(\"rm\")}'", "awk Unresolved"),
        ("python3 -c 'x'", "python3 Unresolved"),
    ]);
}

#[test]
fn definitions_and_files_are_seen() {
    found_as_expected(&[
        // Functions hide a command only once they are there.
        ("f() { rm x; }; f", "rm"),
        ("ls; ls() { :; }; ls", "ls :"),
        ("ls() { :; }; unset -f ls; ls", ": unset ls"),
        ("(ls() { :; }); ls", ": ls"),
        ("ls() { :; }; command ls", ": command ls"),
        // Everywhere.
        ("a=$(rm x); export b=`rm`; c=([0]=$(rm))", "rm export rm rm"),
        ("diff <(rm a) >(rm b)", "diff rm rm"),
        ("[[ -f $(rm x) ]] && rm || rm", "rm rm rm"),
        ("case $(rm x) in a) rm ;; esac", "rm rm"),
        ("echo \"${x:-$(rm)}\" $(( $(rm) + 1 ))", "echo rm rm"),
        // Files.
        (
            "echo x > a; echo x >> \"$f\"; echo x &> b",
            "echo Write(Some(a)) echo Write(None) echo Write(Some(b))",
        ),
        ("ls 2>&1 >/dev/null 2>/dev/stderr < a", "ls"),
        ("ls >& a", "ls Write(Some(a))"),
        ("exec 3>/dev/tcp/1.2.3.4/80", "exec Use(/dev/tcp)"),
        ("tee a b <x; dd if=x of=c", "tee Write(Some(a)) Write(Some(b)) dd Write(Some(c))"),
        ("if; then", "Syntax"),
        ("echo \0", "Syntax"),
    ]);
}

#[test]
fn ordinary_scripts_are_without_noise() {
    let script = include_str!("ordinary.sh");
    let noise: Vec<Seen> = seen(script)
        .into_iter()
        .filter(|seen| !matches!(seen, Seen::Call(_) | Seen::Write(Some(_))))
        .collect();
    assert_eq!(noise, []);
}

#[test]
fn code_that_nests_ends_in_a_finding() {
    let table = [
        "(",
        "((",
        "$(",
        "echo $(",
        "`",
        "echo $((",
        "{ ",
        "if a; then ",
        "while a; do ",
        "for a in b; do ",
        "case a in b) ",
        "until a; do ",
        "f() {",
        "f() ",
        "a | ",
        "a && ",
        "a <(",
        "${a:-",
        "\"${a:-",
        "\"$(",
        "a=(",
        "a[",
        "[[ ( ",
        "[[ ! ",
        "cat <<A\n$(",
        "cat <<A ",
        "cat <<\"\n",
        "{a,",
        "$[",
        "${a#$(",
        "[[ a =~ ",
        "@(",
        "coproc {",
    ];
    for open in table {
        let found = seen(&open.repeat(LEVELS));
        assert!(matches!(found[..], [Seen::TooDeep(_) | Seen::Syntax(_)]), "{open:?} {:?}", found.first());
        let found = seen(&open.repeat(600));
        assert!(!found.is_empty(), "{open:?}");
    }
    let chain = "echo $((1".to_owned() + &"+1".repeat(900) + "))";
    assert_eq!(words(&chain), "echo");
}

#[test]
fn places_are_lines_and_characters() {
    for (code, line, column, end) in [("rm", 1, 1, 3), ("'é'; rm", 1, 6, 8), ("\n  ß 𝘦 | rm x", 2, 9, 11)]
    {
        let span = look(code).last().unwrap().span;
        assert_eq!((span.line, span.column, span.end_column), (line, column, end), "{code}");
    }
}
