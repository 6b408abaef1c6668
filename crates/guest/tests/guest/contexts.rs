//! Contexts and commands with drivers that keep to the contract.

use crate::host::*;
use protocol::driver::DriverStatus;
use protocol::guest::*;
use protocol::{Change, ContextId};
use std::time::{Duration, Instant};

#[test]
fn a_cell_sent_at_once_runs_when_the_context_is_up_and_state_is_kept() {
    let mut host = Host::start();
    let context = host.python();
    let first = host.execute(&context, "x = 20; print('hi'); bundle(str(x + 1))", caps());
    let ran = host.collect(&first);
    assert_eq!(
        (&ran.stdout[..], ran.end, ran.bundles),
        (&b"hi\n"[..], ok(), vec![r#"{"text/plain": "21"}"#.to_owned()])
    );
    let ran = host.run(&context, "import sys; print(x + 22, file=sys.stderr)");
    assert_eq!((&ran.stderr[..], ran.stdout.len()), (&b"42\n"[..], 0));
    let ran = host.run(&context, "1 / 0");
    assert!(ran.raised[0].contains("ZeroDivisionError"));
    assert_eq!(ran.end, Some(End::Done { status: DriverStatus::Error, exit_code: 1 }));
    let ran = host.run(&context, "raise SystemExit(7)");
    assert_eq!(ran.end, Some(End::Done { status: DriverStatus::Exit, exit_code: 7 }));
}

#[test]
fn streams_and_results_keep_their_order() {
    let mut host = Host::start();
    let context = host.python();
    let execution = host.execute(&context, "for n in range(20):\n  print(n); bundle(str(n))", caps());
    let mut seen = String::new();
    loop {
        match host.next() {
            (Reply::Output { .. } | Reply::Bundle { .. }, payload) => {
                seen += &String::from_utf8(payload).unwrap()
            }
            (Reply::Ended { execution: ended, .. }, _) if ended == execution => break,
            (Reply::ContextReady { .. }, _) => {}
            other => panic!("{other:?}"),
        }
    }
    let expected: String = (0..20).map(|n| format!("{n}\n{{\"text/plain\": \"{n}\"}}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn long_output_keeps_head_and_tail_and_the_whole_in_a_file() {
    let mut host = Host::start();
    let context = host.python();
    let capped = Caps { output_bytes: 1000, spill: true, ..caps() };
    let code = "for n in range(100000): print(n)";
    let execution = host.execute(&context, code, capped);
    let ran = host.collect(&execution);
    let whole: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    let whole = whole.as_bytes();
    assert_eq!(ran.stdout, [&whole[..500], &whole[whole.len() - 500..]].concat());
    assert_eq!(ran.skipped as usize, whole.len() - 1000);
    assert_eq!(ran.spilled_to.len(), 1);
    assert_eq!(std::fs::read(&ran.spilled_to[0]).unwrap(), whole);
}

#[test]
fn many_small_writes_become_few_frames() {
    let mut host = Host::start();
    let context = host.python();
    let code = "import os\nfor n in range(20000): os.write(1 + n % 2, b'x')";
    let execution = host.execute(&context, code, Caps { output_bytes: 100_000, ..caps() });
    let ran = host.collect(&execution);
    assert_eq!((ran.stdout.len(), ran.stderr.len(), ran.skipped), (10_000, 10_000, 0));
    assert!(ran.frames < 2500, "{} frames", ran.frames);
}

#[test]
fn background_children_live_on_and_stay_out_of_the_next_execution() {
    let mut host = Host::start();
    let context = host.python();
    let code = "import subprocess\n\
        child = subprocess.Popen(['bash', '-c', 'for n in {1..100}; do echo late; sleep 0.01; done; exit 3'])";
    assert_eq!(host.run(&context, code).end, ok());
    let ran = host.run(&context, "print(child.wait())");
    assert_eq!(&ran.stdout[..], b"3\n");
}

#[test]
fn interrupt_reaches_the_code_and_the_context_lives_on() {
    let mut host = Host::start();
    let context = host.python();
    let code = "import time; y = 5; print('on', flush=True); time.sleep(60)";
    let execution = host.execute(&context, code, caps());
    host.hear_line();
    host.send(&Request::Interrupt { context: context.clone() }, b"");
    let ran = host.collect(&execution);
    assert!(ran.raised[0].contains("KeyboardInterrupt"));
    assert_eq!(host.run(&context, "print(y)").stdout, b"5\n");
}

#[test]
fn an_interrupt_that_comes_at_once_waits_for_the_driver() {
    let mut host = Host::start();
    let context = host.python();
    assert_eq!(host.run(&context, "x = 7").end, ok());
    for _ in 0..20 {
        // A signal that comes just before Python sleeps is noticed when it wakes up.
        let execution = host.execute(&context, "import time\nwhile True: time.sleep(0.1)", caps());
        host.send(&Request::Interrupt { context: context.clone() }, b"");
        let ran = host.collect(&execution);
        assert!(ran.raised[0].contains("KeyboardInterrupt"));
    }
    assert_eq!(host.run(&context, "print(x)").stdout, b"7\n");
}

#[test]
fn a_kill_takes_everything_that_came_from_the_context_and_nothing_else() {
    let mut host = Host::start();
    let (context, other) = (host.python(), host.python());
    let code = "import subprocess, time\n\
        for tail in ('sleep 77', 'setsid sleep 77', '(sleep 77 &) ; sleep 77'): subprocess.Popen(['bash', '-c', tail])\n\
        print('on', flush=True); time.sleep(60)";
    assert_eq!(host.run(&other, "z = 1").end, ok());
    let execution = host.execute(&context, code, caps());
    host.hear_line();
    std::thread::sleep(Duration::from_millis(200));
    host.send(&Request::ContextKill { context: context.clone() }, b"");
    let ran = host.collect(&execution);
    assert_eq!(ran.end, Some(End::Exited(Exit::Signal(9))));
    assert_eq!(host.ended(&context).0, Some(Exit::Signal(9)));
    assert_eq!(host.run(&other, "print(z)").stdout, b"1\n");
    let left: Vec<String> = processes_below(host.child.id());
    assert!(!left.iter().any(|name| name.contains("sleep")), "{left:?}");
}

fn processes_below(guest: u32) -> Vec<String> {
    let out = std::process::Command::new("ps").args(["-eo", "ppid=,args="]).output().unwrap().stdout;
    let text = String::from_utf8(out).unwrap();
    text.lines().filter(|line| line.trim_start().starts_with(&guest.to_string())).map(str::to_owned).collect()
}

#[test]
fn a_driver_that_ends_is_reported_with_its_code() {
    for (code, exit) in [
        ("import os; print('last'); sys.stdout.flush(); os._exit(5)", Exit::Code(5)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", Exit::Signal(11)),
        // A child keeps the driver's socket open.
        ("import os, time\nif os.fork() == 0: time.sleep(60)\nos._exit(6)", Exit::Code(6)),
    ] {
        let mut host = Host::start();
        let context = host.python();
        let ran = host.run(&context, &format!("import sys\n{code}"));
        assert_eq!(ran.end, Some(End::Exited(exit)));
        assert_eq!(host.ended(&context).0, Some(exit));
        let ran = host.run(&context, "1");
        assert!(ran.gone);
    }
}

#[test]
fn what_cannot_start_says_why() {
    let mut host = Host::start();
    let context = host.create(&["no-such-interpreter"], Streams::PerContext, false);
    let (exit, failure, errno) = host.ended(&context);
    assert_eq!((exit, errno), (None, Some(2)));
    assert!(failure.unwrap().contains("no-such-interpreter"));
    let context = host.liar("dies-early");
    let (exit, failure, _) = host.ended(&context);
    assert_eq!(exit, Some(Exit::Code(1)));
    assert!(failure.unwrap().contains("no such module"));
    let context = host.liar("failed");
    let (_, failure, errno) = host.ended(&context);
    assert_eq!((failure.as_deref(), errno), (Some("enter the sandbox: drop bounding set 3"), Some(1)));
    let id = ContextId::from_bits(99);
    let create = Request::ContextCreate {
        context: id.clone(),
        launch: Launch::Zygote,
        cwd: "/".to_owned(),
        env: Default::default(),
        stdin: false,
        ahead: false,
    };
    host.send(&create, b"");
    assert_eq!(host.ended(&id).2, Some(107));
}

#[test]
fn changed_files_are_listed_with_their_hashes() {
    let mut host = Host::start();
    std::fs::write(host.workspace("old.txt"), "same").unwrap();
    std::fs::write(host.workspace("edit.txt"), "before").unwrap();
    let context = host.python();
    let ran = host.run(
        &context,
        "import os\nos.makedirs('a/b'); open('a/b/new.txt', 'w').write('abc'); open('edit.txt', 'a').write('!')\n\
         os.mkfifo('fifo'); os.symlink('/etc/passwd', 'link'); open('empty', 'w').close()\n\
         open('sparse', 'w').truncate(1 << 40)",
    );
    let names: Vec<(&str, Change)> = ran.files.iter().map(|file| (file.path.as_str(), file.change)).collect();
    let expected = [
        ("a/b/new.txt", Change::Created),
        ("edit.txt", Change::Modified),
        ("empty", Change::Created),
        ("sparse", Change::Created),
    ];
    assert_eq!(names, expected);
    let hash = |at: usize| ran.files[at].sha256.as_deref();
    assert_eq!(hash(0), Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(hash(2), Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    assert_eq!((hash(3), ran.files_dropped), (None, 0));
    let few = Caps { files: 3, ..caps() };
    let execution = host.execute(&context, "for n in range(10): open(f'f{n}', 'w').close()", few);
    let ran = host.collect(&execution);
    assert_eq!((ran.files.len(), ran.files_dropped), (3, 7));
    assert!(host.run(&context, "pass").files.is_empty());
}

#[test]
fn commands_have_input_output_signals_and_an_end() {
    let mut host = Host::start();
    let execution = host.command("echo $GREETING; cat; echo err >&2; touch made; exit 4", true);
    for part in ["one ", "two\n"] {
        let stdin =
            Request::Stdin { context: None, execution: Some(execution.clone()), end: part.ends_with('\n') };
        host.send(&stdin, part.as_bytes());
    }
    let ran = host.collect(&execution);
    assert_eq!((&ran.stdout[..], &ran.stderr[..]), (&b"hello\none two\n"[..], &b"err\n"[..]));
    assert_eq!((ran.end, ran.files[0].path.as_str()), (Some(End::Exited(Exit::Code(4))), "made"));
    let execution = host.command("sleep 60", false);
    host.send(&Request::CommandSignal { execution: execution.clone(), signal: 15 }, b"");
    assert_eq!(host.collect(&execution).end, Some(End::Exited(Exit::Signal(15))));
    let execution = host.command("read line; echo \"got $?\"; yes | head -1", false);
    assert_eq!(host.collect(&execution).stdout, b"got 1\ny\n");
    let missing = host.command("exec no-such-program", false);
    assert_eq!(host.collect(&missing).end, Some(End::Exited(Exit::Code(127))));
}

#[test]
fn standard_input_of_a_context_is_passed_on_or_ends_at_once() {
    let mut host = Host::start();
    let argv = ["python3", &script("honest.py")];
    let context = host.create(&argv, Streams::PerExecution, true);
    let execution = host.execute(&context, "import sys; print(len(sys.stdin.read()))", caps());
    let (mut sent, mut taken) = (0u64, 0);
    while sent < 5 << 20 {
        while sent + 65536 - taken > STDIN_BYTES_MAX {
            if let Reply::StdinTaken { bytes, .. } = host.next().0 {
                taken += bytes;
            }
        }
        let stdin =
            Request::Stdin { context: Some(context.clone()), execution: None, end: sent + 65536 >= 5 << 20 };
        host.send(&stdin, &[b'x'; 65536]);
        sent += 65536;
    }
    assert_eq!(host.collect(&execution).stdout, b"5242880\n");
    let context = host.python();
    assert_eq!(host.run(&context, "import sys; print(repr(sys.stdin.read()))").stdout, b"''\n");
}

#[test]
fn input_that_nobody_reads_stops_nothing_but_a_host_that_sends_on() {
    let mut host = Host::start();
    let argv = ["python3", &script("honest.py")];
    let context = host.create(&argv, Streams::PerExecution, true);
    let execution = host.execute(&context, "import time; print('on', flush=True); time.sleep(60)", caps());
    host.hear_line();
    let stdin = Request::Stdin { context: Some(context.clone()), execution: None, end: false };
    for _ in 0..STDIN_BYTES_MAX / 65536 {
        host.send(&stdin, &[b'x'; 65536]);
    }
    let other = host.python();
    assert_eq!(host.run(&other, "print(1)").stdout, b"1\n");
    host.send(&Request::Interrupt { context }, b"");
    assert!(host.collect(&execution).raised[0].contains("KeyboardInterrupt"));
    host.send(&stdin, &[b'x'; 65536]);
    host.send(&stdin, &[b'x'; 65536]);
    assert!(host.child.wait().unwrap().code() != Some(0), "the guest ends a host that sends too much");
}

#[test]
fn input_after_the_reader_is_gone_counts_as_taken() {
    let mut host = Host::start();
    let execution = host.command("exec 0<&-; echo closed; sleep 0.3", true);
    let stdin = Request::Stdin { context: None, execution: Some(execution), end: false };
    host.send(&stdin, &[b'x'; 900_000]);
    let mut taken = 0;
    while taken < 900_000 {
        if let Reply::StdinTaken { bytes, .. } = host.next().0 {
            taken += bytes;
        }
    }
}

#[test]
fn cpu_time_counts_children_too() {
    let mut host = Host::start();
    let context = host.python();
    let code =
        "import subprocess\nfor _ in range(2): subprocess.run(['python3', '-c', 'sum(range(8000000))'])";
    let ran = host.run(&context, code);
    assert!(ran.cpu_us > 50_000, "{}", ran.cpu_us);
    let ran = host.run(&context, "import time; time.sleep(0.2)");
    assert!(ran.cpu_us < 50_000, "{}", ran.cpu_us);
}

#[test]
fn round_trips_are_short() {
    let mut host = Host::start();
    let context = host.python();
    host.run(&context, "1");
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let begun = Instant::now();
            host.run(&context, "1 + 1");
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!("median round trip {:?}, memory {} KiB", times[100], host.resident_kib());
    assert!(times[100] < Duration::from_millis(50), "{:?}", times[100]);
}

#[test]
fn bash_keeps_its_state() {
    let mut host = Host::start();
    let driver = format!("{}/../../driver/driver.sh", env!("CARGO_MANIFEST_DIR"));
    let context = host.create(&["bash", "--noprofile", "--norc", &driver], Streams::PerContext, false);
    let ran = host.run(&context, "export A=5; cd /; echo out; echo err >&2");
    assert_eq!((&ran.stdout[..], &ran.stderr[..], ran.end), (&b"out\n"[..], &b"err\n"[..], ok()));
    assert_eq!(host.run(&context, "echo $A $PWD").stdout, b"5 /\n");
}

#[test]
fn everything_goes_when_the_host_goes() {
    let mut host = Host::start();
    let context = host.python();
    host.run(&context, "import subprocess; subprocess.Popen(['sleep', '78'])");
    let guest = host.child.id();
    host.stream.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(host.child.wait().unwrap().success());
    assert!(processes_below(guest).is_empty());
    drop(host);
}
