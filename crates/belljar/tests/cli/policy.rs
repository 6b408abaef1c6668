//! `belljar policy`, and policies on `run` and `repl`.

use crate::program::{Seen, belljar, call, call_with, can_run};
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

fn file(dir: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = dir.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn code_is_checked_as_a_compiler_does_it() {
    let dir = tempfile::tempdir().unwrap();
    let bad = file(&dir, "bad.py", "import math\nx = eval('1')\n");
    let good = file(&dir, "good.py", "import math\nprint(math.pi)\n");
    let script = file(&dir, "a.sh", "echo hi\n");
    let mine = file(&dir, "mine.toml", "extends = \"open\"\n[imports]\ndeny = [\"math\"]\n");
    let cases: [(&[&str], i32, &[&str]); 7] = [
        (&[&good, "--policy", "strict"], 0, &[]),
        (
            &[&bad, "--policy", "strict"],
            126,
            &[&format!("{bad}:2:5: call-denied: "), "2 │ x = eval('1')", "│     ^", "hint: "],
        ),
        (&[&bad, "--policy", "open"], 0, &[]),
        (&[&bad, "--policy", &mine], 126, &[&format!("{bad}:1:8: import-not-allowed: ")]),
        (&[&good, &bad, "--policy", "strict"], 126, &[&format!("{bad}:2:5: ")]),
        (&[&script, "--policy", "open"], 0, &[]),
        (&[&bad], 0, &[]),
    ];
    for (args, exit, parts) in cases {
        let seen = call([&["policy", "check"], args].concat());
        assert_eq!(seen.exit, Some(exit), "{args:?}: {seen:?}");
        for part in parts {
            assert!(seen.stdout.contains(part), "{args:?}: {part:?} {seen:?}");
        }
        assert!(seen.stderr.starts_with("policy ") && !seen.stdout.contains('\x1b'), "{args:?}: {seen:?}");
        let program = call([&["policy", "check", "--json"], args].concat());
        let json = program.json();
        assert_eq!((program.exit, json["denied"].as_bool()), (Some(exit), Some(exit == 126)), "{json}");
        let denied = json["files"].as_array().unwrap().iter().any(|file| file["denied"] == true);
        assert_eq!(denied, exit == 126, "{json}");
    }
    let piped =
        call_with(&["policy", "check", "-", "--policy", "strict", "--language", "bash"], "curl x | sh\n");
    assert!(piped.exit == Some(126) && piped.stdout.starts_with("stdin:1:"), "{piped:?}");
}

#[test]
fn policies_are_shown_and_rules_explained() {
    let list = call(["policy", "show"]);
    assert_eq!(list.stdout.lines().count(), 3, "{list:?}");
    let dir = tempfile::tempdir().unwrap();
    for name in ["open", "standard", "strict"] {
        assert!(list.stdout.contains(name), "{list:?}");
        let shown = call(["policy", "show", name]);
        let again = call(["policy", "show", &file(&dir, "again.toml", &shown.stdout)]);
        assert_eq!(shown.stdout, again.stdout, "what is shown is read back");
        assert_eq!(call(["policy", "show", name, "--json"]).json()["name"], name);
    }
    let rules = call(["policy", "explain", "--json"]).json();
    for rule in rules.as_array().unwrap() {
        let id = rule["id"].as_str().unwrap();
        let told = call(["policy", "explain", id]);
        assert!(told.exit == Some(0) && told.stdout.contains("Instead:"), "{told:?}");
        assert_eq!(call(["policy", "explain", id, "--json"]).json(), *rule);
    }
    assert_eq!(call(["policy", "explain"]).stdout.lines().count(), rules.as_array().unwrap().len());
}

#[test]
fn what_is_wrong_with_a_policy_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let odd = file(&dir, "odd.toml", "\nextends = \"lax\"\n");
    let code = file(&dir, "a.py", "1\n");
    let cases: [(&[&str], &str, &str); 5] = [
        (&["policy", "show", "lax", "--json"], "policy_unknown", "lax"),
        (&["policy", "show", "/no/such.toml", "--json"], "policy_unreadable", "/no/such.toml"),
        (&["policy", "check", &code, "--policy", &odd, "--json"], "policy", "line 2"),
        (&["policy", "explain", "none", "--json"], "rule_unknown", "none"),
        (&["run", "-c", "1", "--policy", "lax", "--json"], "policy_unknown", "lax"),
    ];
    for (args, code, part) in cases {
        let seen = call(args);
        let error = &seen.json()["error"];
        assert_eq!((seen.exit, error["code"].as_str()), (Some(2), Some(code)), "{seen:?}");
        assert!(error["message"].as_str().unwrap().contains(part) && error["hint"].is_string(), "{error}");
    }
}

#[test]
fn the_configuration_names_a_policy_and_its_errors_name_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(&dir, "config.toml", "policy = \"strict\"\n");
    let code = file(&dir, "a.py", "eval('1')\n");
    let check = |args: &[&str], variable: Option<&str>| -> Seen {
        let mut command = belljar();
        command.args(["policy", "check", &code]).args(args).current_dir(dir.path());
        variable.map(|path| command.env("BELLJAR_CONFIG", path));
        Seen::from(command.output().unwrap())
    };
    assert_eq!(check(&["--config", &config], None).exit, Some(126));
    assert_eq!(check(&[], Some(&config)).exit, Some(126));
    assert_eq!(check(&["--policy", "open"], Some(&config)).exit, Some(0), "the command line wins");
    // Nobody asked for a file of the current directory.
    file(&dir, "belljar.toml", "policy = \"strict\"\n");
    assert_eq!(check(&[], None).exit, Some(0));
    let odd = file(&dir, "odd.toml", "\npolcy = \"strict\"\n");
    let seen = check(&["--config", &odd], None);
    assert!(seen.exit == Some(2) && seen.stderr.contains(&format!("{odd}:2: unknown field")), "{seen:?}");
    assert!(check(&[], Some("/no/such")).stderr.contains("/no/such"));
}

#[test]
fn denied_code_does_not_run_and_advice_is_for_failures() {
    if !can_run() {
        return;
    }
    let strict = ["--policy", "strict", "-c", "print(1)\neval('1')"];
    let seen = call([&["run"], &strict[..]].concat());
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(126), ""), "{seen:?}");
    for part in ["code:2:1: call-denied: ", "2 │ eval('1')", "denied by the policy strict: nothing ran"] {
        assert!(seen.stderr.contains(part), "{seen:?}");
    }
    let json = call([&["run", "--json"], &strict[..]].concat());
    let outcome = json.json();
    assert_eq!((json.exit, outcome["status"].as_str()), (Some(126), Some("denied")), "{json:?}");
    assert!(outcome["sandbox"].is_null() && outcome["findings"][0]["line"] == 2, "{outcome}");

    // The same advice: told after a failure, not told without one, always there for programs.
    let failing = call(["run", "--template", "python", "-c", "import requests"]);
    assert!(failing.stderr.contains("policy, line 1: "), "{failing:?}");
    let running = "try:\n    import requests\nexcept ImportError: pass";
    let quiet = call(["run", "--template", "python", "-c", running]);
    assert!(quiet.exit == Some(0) && !quiet.stderr.contains("policy, line"), "{quiet:?}");
    let told = call(["run", "--json", "--template", "python", "-c", running]).json();
    assert_eq!(told["findings"][0]["kind"], "advice", "{told}");

    let cells = call_with(&["repl", "--policy", "strict"], "x = 20\neval('1')\nx + 1\n");
    assert_eq!((cells.exit, cells.stdout.as_str()), (Some(0), "21\n"), "{cells:?}");
    assert!(cells.stderr.contains("cell:1:1: call-denied: "), "{cells:?}");
}
