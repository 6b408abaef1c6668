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

/// Whether contexts can be forked: not everywhere where code can run.
fn can_fork() -> bool {
    can_run() && {
        let seen = call_with(&["repl"], "%checkpoint a\n");
        assert!(seen.exit == Some(0) || seen.stderr.contains("cannot do that"), "{seen:?}");
        seen.exit == Some(0)
    }
}

#[test]
fn cells_are_undone_with_their_files() {
    if !can_fork() {
        return;
    }
    let cells = "import os\nx = 1; open('a.txt', 'w').write('one')\nx = 2; open('a.txt', 'w').write('two!'); open('b.txt', 'w').close()\n\
                 1 / 0\n%undo 2\nprint(x, open('a.txt').read(), os.listdir())\n%undo\n%undo 2\n'x' in globals()\n%undo 9\n";
    let seen = call_with(&["repl"], cells);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(2), "3\n1 one ['a.txt']\nFalse\n"), "{seen:?}");
    for line in [
        "back before the last 2 cells; removed b.txt; restored a.txt\n",
        "back before the last cell\n",
        "back before the last 2 cells; removed a.txt\n",
        "error: cannot undo the last 9 cells: there is no state before that\n",
    ] {
        assert!(seen.stderr.contains(line), "{line}: {seen:?}");
    }
    // Only so many, or none at all.
    let cells = "x = 1\nx = 2\nx = 3\n%undo 3\n%undo 2\nprint(x)\n";
    let seen = call_with(&["repl", "--undo", "2"], cells);
    assert_eq!(seen.stdout, "1\n", "{seen:?}");
    let seen = call_with(&["repl", "--undo", "0"], cells);
    assert_eq!(seen.stdout, "3\n", "{seen:?}");
    let hint = "hint: states are kept on the native backend, with --undo above 0";
    assert!(seen.stderr.contains(hint), "{seen:?}");
}

#[test]
fn checkpoints_and_branches_have_states_of_their_own() {
    if !can_fork() {
        return;
    }
    let cells = "x = 1\n%checkpoint base\n%checkpoint\nx = 2\n%fork try\nx += 10; open('t.txt', 'w').close()\n%branches\n\
                 %switch main\nimport os; print(x, os.listdir())\n%rollback base\nx\n%undo 2\nx\n%switch try\nx\n\
                 %undo 2\nx\n%checkpoints\n%forget base\n%forget main\n%branches\n%rollback base\n%switch main\n\
                 %fork 1\n%forget try\n%help me\n";
    let seen = call_with(&["repl"], cells);
    let out = "  main\n* try\n2 []\n1\n2\n12\n2\n  1\n  base\n* try\n";
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(2), out), "{seen:?}");
    for line in [
        "kept as base; %rollback base goes back to it\n",
        "kept as 1; %rollback 1 goes back to it\n",
        "on the new branch try, which has variables and files of its own\n",
        "back at base\n",
        "on branch main\n",
        "base is gone\n",
        "error: cannot go back to base: there is no checkpoint of that name\nhint: %checkpoints lists them\n",
        "error: cannot go on in main: there is no branch of that name\nhint: %branches lists them\n",
        "error: cannot call a branch 1: there is something of that name\n",
        "error: cannot forget try: it is where you are\n",
        "error: cannot do %help me: it takes nothing else\n",
    ] {
        assert!(seen.stderr.contains(line), "{line}: {seen:?}");
    }
}

#[test]
fn an_interpreter_that_ended_comes_back() {
    if !can_fork() {
        return;
    }
    let cells = "x = 1\nimport os; os._exit(3)\n%undo\nx\n%fork a\nx = 2\nimport os; os._exit(3)\n%undo\nx\n";
    let seen = call_with(&["repl"], cells);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "1\n2\n"), "{seen:?}");
    for part in [
        "the interpreter ended, its variables are gone; %undo goes back before that cell",
        "the interpreter of branch a ended, its variables and files are gone; %undo",
    ] {
        assert!(seen.stderr.contains(part), "{part}: {seen:?}");
    }
}

#[test]
fn where_no_state_can_be_kept_the_cell_runs_all_the_same() {
    if !can_fork() {
        return;
    }
    let cells = "import threading; stop = threading.Event(); threading.Thread(target=stop.wait, name='mine').start()\n\
                 x = 1\nx = 2\nprint(x)\n%undo\n%checkpoint a\nstop.set()\n";
    let seen = call_with(&["repl"], cells);
    assert_eq!((seen.exit, seen.stdout.as_str()), (Some(0), "2\n"), "{seen:?}");
    let note = "no %undo of this cell: cannot fork";
    assert_eq!(seen.stderr.matches(note).count(), 1, "said once: {seen:?}");
    for part in ["mine", "hint: %undo 4 is the nearest that there is", "error: cannot fork "] {
        assert!(seen.stderr.contains(part), "{part}: {seen:?}");
    }
}

#[test]
fn other_lines_are_code_and_other_languages_have_no_magics() {
    if !can_run() {
        return;
    }
    let seen = call_with(&["repl"], "%pwd\nx = '''\n%undo\n'''\nx\n");
    assert_eq!(seen.stdout, "'/workspace'\n'\\n%undo\\n'\n", "{seen:?}");
    let seen = call_with(&["repl", "--language", "bash"], "%undo\n");
    assert!(seen.stderr.contains("bash: ") && !seen.stderr.contains("cannot"), "{seen:?}");
    let seen = call_with(&["repl", "--undo", "101"], "");
    assert_eq!(seen.exit, Some(2), "{seen:?}");
}
