//! The guest as pid 1 of a namespace: what it does for everybody, and what a small disk does to it.

use crate::host::*;
use protocol::guest::*;

const NO_SPACE: i32 = 28;

#[test]
fn pid_one_reaps_what_others_leave_behind() {
    let Some(mut host) = Host::as_pid_one() else {
        return;
    };
    let context = host.python();
    let orphans = "import subprocess\nfor _ in range(5): subprocess.run(['bash', '-c', 'for n in {1..40}; do (true &); done'])";
    assert_eq!(host.run(&context, orphans).end, ok());
    let count = "import glob, time; time.sleep(0.2)\n\
        print(sum(open(f).read().split(')')[1].split()[0] == 'Z' for f in glob.glob('/proc/[0-9]*/stat')))";
    assert_eq!(host.run(&context, count).stdout, b"0\n");
}

#[test]
fn a_kill_in_a_sandbox_of_one_context_leaves_nothing() {
    let Some(mut host) = Host::as_pid_one() else {
        return;
    };
    let context = host.python();
    let bomb = "import os, subprocess\nsubprocess.Popen(['setsid', 'bash', '-c', '(setsid sleep 99 &); sleep 99'])\n\
        print('on', flush=True)\nos.setsid() if os.fork() == 0 else None\nwhile True: os.fork() if len(os.listdir('/proc')) < 150 else None";
    let execution = host.execute(&context, bomb, caps());
    host.hear_line();
    std::thread::sleep(std::time::Duration::from_millis(300));
    host.send(&Request::ContextKill { context: context.clone() }, b"");
    assert_eq!(host.collect(&execution).end, Some(End::Exited(Exit::Signal(9))));
    let execution = host.command("ls -d /proc/[0-9]* | wc -l", false);
    // This shell, `ls`, `wc`, and the guest.
    let left: u32 = String::from_utf8(host.collect(&execution).stdout).unwrap().trim().parse().unwrap();
    assert!(left <= 4, "{left}");
}

#[test]
fn a_fork_bomb_with_another_context_beside_it_ends_too() {
    let Some(mut host) = Host::as_pid_one() else {
        return;
    };
    let (other, context) = (host.python(), host.python());
    assert_eq!(host.run(&other, "x = 1").end, ok());
    let bomb = "import os\nprint('on', flush=True)\nwhile True: os.fork() if len(os.listdir('/proc')) < 150 else None";
    let execution = host.execute(&context, bomb, caps());
    host.hear_line();
    std::thread::sleep(std::time::Duration::from_millis(300));
    host.send(&Request::ContextKill { context: context.clone() }, b"");
    assert_eq!(host.collect(&execution).end, Some(End::Exited(Exit::Signal(9))));
    host.ended(&context);
    let count =
        "import os, time; time.sleep(0.2); print(x, sum(name.isdigit() for name in os.listdir('/proc')))";
    assert_eq!(host.run(&other, count).stdout, b"1 2\n");
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_file() {
    let Some(mut host) = Host::as_pid_one() else {
        return;
    };
    host.write("old", b"old").unwrap();
    assert_eq!(host.write("old", &vec![7; 3 << 20]), Err(NO_SPACE));
    assert_eq!(host.read("old", 0, 9).unwrap(), b"old");
    host.write("new", &[7; 500_000]).unwrap();
    let context = host.python();
    let ran = host.run(&context, "import shutil; print(shutil.disk_usage('.').used < 600000)");
    assert_eq!(ran.stdout, b"True\n");
    let ran = host.run(&context, "for n in range(3000): open(f'f{n}', 'w').close()");
    assert!(ran.raised[0].contains("No space left") && ran.files.len() == 100 && ran.files_dropped > 1000);
    assert_eq!(host.write("more", b"x"), Err(NO_SPACE));
    host.operate(Request::Remove { transfer: 3, path: "f1".to_owned() }).unwrap();
    host.write("more", b"x").unwrap();
}

#[test]
fn memory_that_nobody_else_limits_is_watched() {
    let Some(mut host) = Host::as_pid_one_with(serde_json::json!({ "memory_bytes_max": 150 << 20 })) else {
        return;
    };
    let context = host.python();
    let ran = host.run(&context, "hog = bytearray(b'x') * (60 << 20)\nprint(1)");
    assert_eq!((&ran.stdout[..], ran.end), (&b"1\n"[..], ok()));
    assert!((60 << 20..100 << 20).contains(&ran.memory_peak_bytes), "{}", ran.memory_peak_bytes);
    // Children share what they do not change, and then they do.
    let shared = "import os, time\nfor _ in range(3):\n    if os.fork() == 0: time.sleep(1); os._exit(0)\ntime.sleep(1)";
    assert_eq!(host.run(&context, shared).end, ok());
    let idle = host.python();
    assert_eq!(host.run(&idle, "pass").end, ok());
    let ran = host.run(
        &context,
        "for _ in range(3):\n    if os.fork() == 0: hog[:] = bytes(60 << 20); time.sleep(60)\ntime.sleep(60)",
    );
    assert_eq!(ran.end, Some(End::OutOfMemory));
    assert!(ran.memory_peak_bytes > 150 << 20, "{}", ran.memory_peak_bytes);
    assert_eq!(host.ended(&context).2, Some(12));
    assert!(host.run(&idle, "pass").gone, "everything was killed");
    let execution = host.command("python3 -c \"hog = b'x' * (300 << 20); input()\"; sleep 9", true);
    assert_eq!(host.collect(&execution).end, Some(End::OutOfMemory));
    let next = host.python();
    assert_eq!(host.run(&next, "print('next')").stdout, b"next\n");
}

#[test]
fn processes_that_nobody_else_limits_are_counted() {
    let Some(mut host) = Host::as_pid_one_with(serde_json::json!({ "pids_max": 12 })) else {
        return;
    };
    let context = host.python();
    let few = "import os, time\nfor _ in range(4):\n    if os.fork() == 0: time.sleep(1); os._exit(0)\ntime.sleep(1)";
    assert_eq!(host.run(&context, few).end, ok());
    let many = "import threading, time\nfor _ in range(40): threading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)";
    assert_eq!(host.run(&context, many).end, Some(End::TooManyProcesses));
    assert_eq!(host.ended(&context).2, Some(11));
    let execution = host.command("for i in $(seq 40); do sleep 60 & done; wait", false);
    assert_eq!(host.collect(&execution).end, Some(End::TooManyProcesses));
    let next = host.python();
    assert_eq!(host.run(&next, "print(1)").stdout, b"1\n");
}
