//! `belljar repl` with its cells on standard input.

use crate::program::{call_with, can_run};

#[test]
fn state_lives_from_cell_to_cell() {
    if !can_run() {
        return;
    }
    let cells = "x = 20\ndef f(n):\n    y = n\n\n    return y + 2\n\nif x:\n    z = 1\nelse:\n    z = 2\nf(x) + z - 1\n1/0\nx\n";
    let seen = call_with(&["repl"], cells);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "22\n20\n"), "{seen:?}");
    assert!(seen.stderr.contains("ZeroDivisionError"), "{seen:?}");
}

#[test]
fn the_exit_code_is_the_last_cells() {
    if !can_run() {
        return;
    }
    for (args, cells, exit, stdout) in [
        (&["repl"][..], "print(1)\n1/0\n", 1, "1\n"),
        (&["repl"], "print(1)\nexit\nprint(2)\n", 0, "1\n"),
        (&["repl"], "", 0, ""),
        (&["repl"], "s = '''a\nb'''\nprint(s)", 0, "a\nb\n"),
        (
            &["repl", "--language", "bash"],
            "cd /tmp\nfor i in 1 2; do\necho $i\ndone\npwd\n",
            0,
            "1\n2\n/tmp\n",
        ),
    ] {
        let seen = call_with(args, cells);
        assert_eq!((seen.exit, seen.stdout.as_str()), (Some(exit), stdout), "{cells:?}: {seen:?}");
    }
}

#[test]
fn a_context_that_dies_is_replaced() {
    if !can_run() {
        return;
    }
    let seen = call_with(&["repl"], "x = 1\nimport os; os.kill(os.getpid(), 9)\nprint('x' in globals())\n");
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "False\n"), "{seen:?}");
    assert!(seen.stderr.contains("its variables are gone"), "{seen:?}");
}
