//! Drivers that lie: what they say costs at most their own context.

use crate::host::*;
use protocol::guest::*;

#[test]
fn frames_that_no_honest_driver_sends_cost_the_context_its_life() {
    let mut host = Host::start();
    let lies = [
        "long-header",
        "long-payload",
        "deep-header",
        "deep-bundle",
        "bundle-of-numbers",
        "bad-error",
        "unknown",
        "not-json",
        "payload-of-done",
        "forked-unasked",
        "long-name",
        "never-reads",
    ];
    for lie in lies {
        let context = host.liar(lie);
        let ran = host.run(&context, "go");
        assert_eq!(ran.end, Some(End::Broken), "{lie}");
        assert_eq!(host.ended(&context).0, Some(Exit::Signal(9)), "{lie}");
    }
    for lie in ["executes-before-hello", "hello-twice"] {
        let context = host.liar(lie);
        assert_eq!(host.ended(&context).0, Some(Exit::Signal(9)), "{lie}");
    }
    alive(&mut host);
}

#[test]
fn forged_and_late_frames_are_not_heard() {
    let mut host = Host::start();
    let context = host.liar("forged-ids");
    let ran = host.run(&context, "go");
    assert_eq!((&ran.stdout[..], ran.end), (&b"still here\n"[..], ok()));
    assert!(ran.bundles.is_empty() && ran.raised.is_empty());
    let context = host.liar("after-done");
    let ran = host.run(&context, "go");
    assert_eq!((ran.end, ran.bundles.len()), (ok(), 0));
    std::thread::sleep(std::time::Duration::from_millis(200));
    // Nothing of it comes while another execution of the context waits.
    let next = host.execute(&context, "go", caps());
    host.send(&Request::ContextKill { context: context.clone() }, b"");
    let ran = host.collect(&next);
    assert!(ran.stdout.is_empty() && ran.bundles.is_empty() && ran.end != ok());
    let context = host.liar("done-before-execute");
    let ran = host.run(&context, "go");
    assert_ne!(ran.end, ok());
    alive(&mut host);
}

#[test]
fn too_many_and_too_large_bundles_are_counted() {
    let mut host = Host::start();
    let context = host.liar("many-bundles");
    let ran = host.run(&context, "go");
    assert_eq!((ran.bundles.len(), ran.results_dropped, ran.end), (100, 99_900, ok()));
    let context = host.liar("large-bundle");
    let ran = host.run(&context, "go");
    assert_eq!((ran.bundles.len(), ran.results_dropped), (1, 1));
    assert!(host.resident_kib() < 12 << 10, "{} KiB", host.resident_kib());
}

#[test]
fn a_driver_that_leaves_is_reported() {
    let mut host = Host::start();
    let context = host.liar("truncated");
    let ran = host.run(&context, "go");
    assert_eq!(ran.end, Some(End::Exited(Exit::Code(0))));
    let context = host.liar("closes");
    let ran = host.run(&context, "go");
    assert_eq!(ran.end, Some(End::Exited(Exit::Signal(9))));
    assert_eq!(host.ended(&context).0, Some(Exit::Signal(9)));
    alive(&mut host);
}

#[test]
fn descriptors_of_a_driver_are_not_taken() {
    let mut host = Host::start();
    let count = |host: &Host| std::fs::read_dir(format!("/proc/{}/fd", host.child.id())).map(Iterator::count);
    let context = host.liar("sends-descriptors");
    assert_eq!(host.run(&context, "go").end, ok());
    if let Ok(count) = count(&host) {
        assert!(count < 40, "{count}");
    }
}

#[test]
fn a_flood_into_a_host_that_does_not_read_waits_without_memory() {
    let mut host = Host::start();
    let context = host.liar("floods");
    let execution = host.execute(&context, "go", Caps { output_bytes: 64 << 20, ..caps() });
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(host.resident_kib() < 24 << 10, "{} KiB", host.resident_kib());
    let ran = host.collect(&execution);
    assert_eq!(ran.stdout.len() as u64 + ran.skipped, 4000 * 65536);
    assert_eq!(ran.stdout.len(), 64 << 20);
}

#[test]
fn a_driver_that_never_comes_up_can_be_killed() {
    let mut host = Host::start();
    let context = host.liar("never-ready");
    host.execute(&context, "go", caps());
    host.send(&Request::ContextKill { context: context.clone() }, b"");
    assert_eq!(host.ended(&context).0, Some(Exit::Signal(9)));
    alive(&mut host);
}

#[test]
fn large_frames_cost_their_own_size_and_no_more() {
    let mut host = Host::start();
    let context = host.liar("large-bundle");
    let wide = Caps { results_bytes: 32 << 20, ..caps() };
    let execution = host.execute(&context, "go", wide);
    let ran = host.collect(&execution);
    assert_eq!((ran.bundles[0].len(), ran.results_dropped), ((20 << 20) + 17, 0));
    assert!(host.resident_kib() < 30 << 10, "{} KiB", host.resident_kib());
    let context = host.python();
    let code = format!("print({:?}[-1])", "x".repeat(10 << 20));
    assert_eq!(host.run(&context, &code).stdout, b"x\n");
}

fn alive(host: &mut Host) {
    let context = host.python();
    assert_eq!(host.run(&context, "print(1)").stdout, b"1\n");
}
