//! What is wrong with a request is told at once, to people and to programs.

use crate::program::{belljar, call};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Arguments after `run`, the code for programs, a part of the message, the exit code.
const CASES: [(&[&str], &str, &str, i32); 31] = [
    (&[], "no_code", "cannot run: no code was given", 2),
    (&["-c", ""], "empty_code", "cannot run empty code", 2),
    (&["-c", " \n\t"], "empty_code", "cannot run empty code", 2),
    (&["-"], "empty_code", "cannot run empty code", 2),
    (&["no/such.py"], "unreadable", "cannot read no/such.py: no such file or directory", 2),
    (&["/"], "unreadable", "cannot read /: it is a directory", 2),
    (&["/dev/zero"], "code_too_large", "longer than 16 MiB", 2),
    (&["-c", "1", "--language", "cobol"], "language", "\"cobol\"", 2),
    (&["-c", "1", "--timeout", "0"], "limits", "--timeout \"0\": a timeout is more than 0", 2),
    (&["-c", "1", "--timeout", "-1"], "limits", "--timeout \"-1\"", 2),
    (&["-c", "1", "--timeout", "soon"], "limits", "--timeout \"soon\"", 2),
    (&["-c", "1", "--cpu", "0"], "limits", "--cpu \"0\"", 2),
    (&["-c", "1", "--memory", "1"], "limits", "--memory \"1\": a sandbox needs 16M or more", 2),
    (&["-c", "1", "--memory", "1X"], "limits", "--memory \"1X\"", 2),
    (&["-c", "1", "--disk", "0"], "limits", "--disk \"0\"", 2),
    (&["-c", "1", "--pids", "0"], "limits", "--pids \"0\"", 2),
    (&["-c", "1", "--pids", "many"], "limits", "--pids \"many\"", 2),
    (&["-c", "1", "--env", "NAME"], "limits", "--env \"NAME\"", 2),
    (&["-c", "1", "--env", "=x"], "limits", "--env \"=x\"", 2),
    (&["-c", "1", "--require", "strong"], "require", "\"strong\"", 2),
    (&["-c", "1", "--template", "nope"], "template_unknown", "cannot find a template named \"nope\"", 2),
    (&["-c", "1", "--file", "/no/such"], "unreadable", "cannot read /no/such", 2),
    (&["-c", "1", "--file", "/"], "no_name", "cannot upload /", 2),
    (&["-c", "1", "--file", "/dev/null"], "special_file", "/dev/null: it is a device", 2),
    (&["-c", "1", "--file", "/etc/passwd", "--file", "/etc/../etc/passwd"], "same_name", "same name", 2),
    (
        &["-c", "1", "--file", "/etc/passwd", "--disk", "1G", "--out", "/dev/null/x"],
        "out_unwritable",
        "/dev/null/x",
        2,
    ),
    (&["-c", "1", "--image", "x"], "backend", "cannot use --image without containers", 2),
    (&["-c", "1", "--backend", "native", "--runtime", "x"], "backend", "--runtime without containers", 2),
    (&["-", "--stdin"], "stdin_twice", "both the code and its input", 2),
    (&["-c", "1", "--bogus"], "usage", "--bogus", 2),
    (&["-c", "1", "file.py"], "usage", "cannot be used with", 2),
];

#[test]
fn every_bad_request_has_a_message_a_hint_and_a_code() {
    for (args, code, part, exit) in CASES {
        let person = call([&["run"], args].concat());
        assert_eq!((person.exit, person.stdout.as_str()), (Some(exit), ""), "{args:?}: {person:?}");
        assert!(
            person.stderr.starts_with("error: ")
                && person.stderr.contains(part.trim_start_matches("cannot ")),
            "{args:?}: {person:?}"
        );
        assert!(!person.stderr.contains('\x1b'), "{args:?}: colours in a pipe: {person:?}");
        let program = call([&["run", "--json"], args].concat());
        assert_eq!((program.exit, program.stderr.as_str()), (Some(exit), ""), "{args:?}: {program:?}");
        let error = program.json()["error"].clone();
        assert_eq!(error["code"], code, "{args:?}: {error}");
        assert!(error["message"].as_str().unwrap().starts_with("cannot "), "{args:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{args:?}: {error}");
        if !matches!(code, "require") {
            assert!(error["hint"].is_string(), "{args:?}: {error}");
        }
    }
}

#[test]
fn code_that_is_not_text_is_told_by_byte_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("latin.py");
    std::fs::write(&file, b"x = 1\ny = '\xe9'\n").unwrap();
    let seen = call(["run".as_ref(), file.as_os_str()]);
    assert_eq!(seen.exit, Some(2));
    assert!(seen.stderr.contains("byte 0xe9 on line 2") && seen.stderr.contains("hint: "), "{seen:?}");
    let inline = call(["run".into(), "-c".into(), OsString::from_vec(b"print('\xff')".to_vec())]);
    assert!(inline.stderr.contains("byte 0xff on line 1"), "{inline:?}");
}

#[test]
fn a_data_folder_that_cannot_be_written_names_the_variable_that_moves_it() {
    let mut command = belljar();
    command.args(["run", "-c", "1", "--json"]).env("BELLJAR_DATA_DIR", "/dev/null/belljar");
    let seen = crate::program::Seen::from(command.output().unwrap());
    assert_eq!(seen.exit, Some(125), "{seen:?}");
    let error = &seen.json()["error"];
    assert!(error["hint"].as_str().unwrap().contains("BELLJAR_DATA_DIR"), "{error}");
    let mut homeless = belljar();
    homeless
        .args(["template", "list"])
        .env_remove("HOME")
        .env_remove("XDG_DATA_HOME")
        .env_remove("BELLJAR_DATA_DIR");
    let seen = crate::program::Seen::from(homeless.output().unwrap());
    assert!(seen.stderr.contains("BELLJAR_DATA_DIR"), "{seen:?}");
}

#[test]
fn help_and_version_are_not_failures() {
    for args in
        [&["--help"][..], &["--version"], &["run", "--help"], &["help", "repl"], &["template", "--help"]]
    {
        let seen = call(args);
        assert_eq!((seen.exit, seen.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(!seen.stdout.is_empty());
    }
}

#[test]
fn doctor_tells_the_same_to_people_and_programs() {
    let program = call(["doctor", "--json"]);
    let json = program.json();
    assert_eq!(program.exit, Some(if json["usable"] == true { 0 } else { 1 }), "{json}");
    let facts = json["facts"].as_array().unwrap();
    let person = call(["doctor"]);
    for fact in facts {
        assert!(person.stdout.contains(fact["title"].as_str().unwrap()), "{fact} {person:?}");
        let state = fact["state"].as_str().unwrap();
        assert!(["ok", "degraded", "missing"].contains(&state), "{fact}");
    }
    for id in
        ["kernel", "user_namespaces", "seccomp", "landlock", "cgroup", "kvm", "oci_engine", "python", "disk"]
    {
        assert!(facts.iter().any(|fact| fact["id"] == id), "{id}");
    }
}
