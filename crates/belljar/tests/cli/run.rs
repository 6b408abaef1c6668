//! `belljar run` where code can run.

use crate::program::{call, call_with, can_run};
use protocol::{Event, EventKind, Outcome, Status};

/// Arguments after `run`, standard input, exit code, all of standard output, a part of standard error.
const CASES: [(&[&str], &str, i32, &str, &str); 17] = [
    (&["-c", "print(2+2)"], "", 0, "4\n", ""),
    (&["-c", "1+1"], "", 0, "2\n", ""),
    (&["-c", "x = 1"], "", 0, "", ""),
    (&["-c", "print('x', end='')\n3"], "", 0, "x\n3\n", ""),
    (&["-"], "print('from stdin')", 0, "from stdin\n", ""),
    (&["-c", "import sys; print('e', file=sys.stderr); print('o')"], "", 0, "o\n", "e\n"),
    (&["-c", "x = 0\n1/x"], "", 1, "", "error[exception]: ZeroDivisionError: division by zero (line 2)"),
    (&["-c", "def f(:"], "", 1, "", "error[syntax]: SyntaxError"),
    (&["-c", "import no_such_module"], "", 1, "", "error[import]: ModuleNotFoundError"),
    (&["-c", "import sys; sys.exit(3)"], "", 3, "", ""),
    (&["-c", "input()"], "unread", 1, "", "EOFError"),
    (&["--stdin", "-c", "print(input(), input())"], "a\nb\n", 0, "a b\n", ""),
    (&["-c", "import os; print(os.environ['A'])", "--env", "A=b=c"], "", 0, "b=c\n", ""),
    (&["-c", "import time; time.sleep(60)", "--timeout", "1"], "", 124, "", "error[timeout]"),
    (&["--language", "bash", "-c", "echo hi; exit 4"], "", 4, "hi\n", ""),
    (&["-c", "print('größe 図 \\U0001f514')"], "", 0, "größe 図 \u{1f514}\n", ""),
    (&["-c", "print('\\x1b[31mred')"], "", 0, "\u{1b}[31mred\n", ""),
];

#[test]
fn what_the_code_says_and_its_exit_code_come_through() {
    if !can_run() {
        return;
    }
    for (args, input, exit, stdout, stderr) in CASES {
        let seen = call_with(&[&["run"], args].concat(), input);
        assert_eq!((seen.exit, seen.stdout.as_str()), (Some(exit), stdout), "{args:?}: {seen:?}");
        assert!(seen.stderr.contains(stderr), "{args:?}: {seen:?}");
        if exit == 0 && stderr.is_empty() {
            // Said once in a run on hosts without control groups.
            let said = seen.stderr.lines().filter(|line| !line.starts_with("warning: weak isolation"));
            assert_eq!(said.collect::<Vec<_>>(), [""; 0], "{args:?}");
        }
    }
}

#[test]
fn json_is_one_outcome_and_events_end_with_the_same() {
    if !can_run() {
        return;
    }
    let code = "print('a')\n1/0";
    let seen = call(["run", "--json", "-c", code]);
    let outcome: Outcome = serde_json::from_value(seen.json()).unwrap();
    assert_eq!((seen.exit, outcome.exit_code, outcome.status), (Some(1), 1, Status::Error));
    assert_eq!((outcome.stdout.as_str(), seen.stderr.as_str()), ("a\n", ""));
    assert!(outcome.isolation.is_some_and(|isolation| !isolation.walls.is_empty()));

    let seen = call(["run", "--events", "-c", code]);
    let events: Vec<Event> = seen.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let Some(EventKind::End { outcome }) = events.last().map(|event| &event.kind) else {
        panic!("the last event is not the end: {events:?}");
    };
    assert_eq!((seen.exit, outcome.status), (Some(1), Status::Error));
    assert!(
        events.iter().any(
            |event| matches!(&event.kind, EventKind::Error { error } if error.name == "ZeroDivisionError")
        )
    );
}

#[test]
fn a_level_that_is_not_there_is_refused() {
    if !can_run() {
        return;
    }
    let seen = call(["run", "--json", "-c", "print(1)", "--require", "vm"]);
    assert_eq!(
        (seen.exit, seen.json()["error"]["code"].as_str()),
        (Some(126), Some("below_required")),
        "{seen:?}"
    );
    let seen = call(["run", "--json", "-c", "print(1)", "--backend", "nope"]);
    assert_eq!(
        (seen.exit, seen.json()["error"]["code"].as_str()),
        (Some(127), Some("unknown_backend")),
        "{seen:?}"
    );
}
