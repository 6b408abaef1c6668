//! Contexts that are forks of a zygote.

use crate::host::*;
use protocol::guest::*;

#[test]
fn forks_are_contexts_like_others() {
    let mut host = Host::with_zygote();
    let (first, second) = (host.fork("/", false), host.fork("/tmp", true));
    assert_eq!(host.run(&first, "import os; x = 1; print(os.getcwd())").stdout, b"/\n");
    let execution = host.execute(&second, "import os, sys; print(os.getcwd(), sys.stdin.read())", caps());
    host.send(&Request::Stdin { context: Some(second.clone()), execution: None, end: true }, b"typed");
    assert_eq!(host.collect(&execution).stdout, b"/tmp typed\n");
    host.send(&Request::ContextKill { context: second.clone() }, b"");
    assert_eq!(host.ended(&second).0, Some(Exit::Signal(9)));
    let ran = host.run(&first, "print(x); import sys; sys.stdout.flush(); os._exit(4)");
    assert_eq!((&ran.stdout[..], ran.end), (&b"1\n"[..], Some(End::Exited(Exit::Code(4)))));
    assert_eq!(host.ended(&first).0, Some(Exit::Code(4)));
}

#[test]
fn forks_that_fail_say_why() {
    let mut host = Host::with_zygote();
    let context = host.fork("/full", false);
    let (exit, failure, errno) = host.ended(&context);
    assert_eq!((exit, failure.as_deref(), errno), (None, Some("fork: no room"), Some(11)));
    let context = host.fork("/crash", false);
    assert_eq!(host.ended(&context).0, Some(Exit::Code(9)));
}

#[test]
fn an_execution_interrupted_before_it_began_does_not_run() {
    let mut host = Host::start();
    let context = host.liar("never-ready");
    let execution = host.execute(&context, "go", caps());
    host.send(&Request::Interrupt { context }, b"");
    let status = protocol::driver::DriverStatus::Error;
    assert_eq!(host.collect(&execution).end, Some(End::Done { status, exit_code: 130 }));
}

#[test]
fn a_zygote_of_its_own_is_started_and_started_again() {
    let Some(mut host) = Host::with_own_zygote() else { return };
    let (first, second) = (host.fork("/", false), host.fork("/tmp", false));
    assert_eq!(host.run(&first, "import os; x = 1; print(os.getcwd())").stdout, b"/\n");
    // Everything but the guest and the caller is killed, the zygote too.
    assert_eq!(host.run(&second, "import os; os.kill(-1, 9)").end, ok());
    assert_eq!(host.run(&first, "print(x)").stdout, b"");
    for _ in 0..5 {
        let next = host.fork("/tmp", false);
        assert_eq!(host.run(&next, "import os; print(os.getcwd())").stdout, b"/tmp\n");
        host.send(&Request::ContextKill { context: next.clone() }, b"");
        // Asked for while the last one and the zygote are being killed.
        let after = host.fork("/", false);
        assert_eq!(host.run(&after, "print(1)").stdout, b"1\n");
    }
}

#[test]
fn a_zygote_that_cannot_be_started_says_what_is_missing() {
    for (program, errno, said) in [
        (vec!["no-such-python"], Some(2), "no-such-python"),
        (vec!["sh", "-c", "echo broken >&2"], None, "broken"),
    ] {
        let own =
            serde_json::json!({ "own_zygote": { "argv": program, "env": [["PATH", "/usr/bin:/bin"]] } });
        let Some(mut host) = Host::as_pid_one_with(own) else { return };
        let context = host.fork("/", false);
        let (exit, failure, found) = host.ended(&context);
        assert_eq!((exit, found), (None, errno));
        assert!(failure.is_some_and(|failure| failure.contains(said)), "{program:?}");
        let execution = host.command("echo on", false);
        assert_eq!(host.collect(&execution).stdout, b"on\n");
    }
}
