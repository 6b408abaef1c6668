//! Ctrl-C, SIGTERM and a reader that goes away.

use crate::program::{can_run, start};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::{Duration, Instant};

const LOOP: &str = "import time\ntry:\n    print('up', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('asked to stop', flush=True)\n    raise";
const DEAF: &str = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('up', flush=True)\nwhile True:\n    time.sleep(1)";

fn kill(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("signal");
}

/// The lines until `up`, then what is left when it is over.
fn wait_up(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("read");
    assert_eq!(line, "up\n");
    reader
}

#[test]
fn the_first_interrupt_reaches_the_code() {
    if !can_run() {
        return;
    }
    let mut child = start(&["run", "-c", LOOP]);
    let mut reader = wait_up(&mut child);
    kill(&child, Signal::INT);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("read");
    assert_eq!(rest, "asked to stop\n");
    assert_eq!(child.wait().expect("wait").code(), Some(130));
}

#[test]
fn what_ends_the_process_ends_it_soon() {
    if !can_run() {
        return;
    }
    for (signals, exit) in
        [(&[Signal::TERM][..], 143), (&[Signal::HUP], 129), (&[Signal::INT, Signal::INT], 130)]
    {
        let mut child = start(&["run", "-c", DEAF, "--timeout", "60"]);
        let _reader = wait_up(&mut child);
        let began = Instant::now();
        for signal in signals {
            kill(&child, *signal);
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(child.wait().expect("wait").code(), Some(exit), "{signals:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{signals:?}: {:?}", began.elapsed());
    }
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    if !can_run() {
        return;
    }
    let mut child = start(&["run", "-c", "print('up')\nwhile True: print('x' * 1000)", "--timeout", "60"]);
    drop(wait_up(&mut child));
    let began = Instant::now();
    let output = child.wait_with_output().expect("wait");
    assert_eq!(output.status.code(), Some(141), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}
