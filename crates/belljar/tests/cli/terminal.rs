//! A terminal for tests: starts a command on a pseudo-terminal, types, and reads what a person would see.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A command on a terminal of 80 columns that knows colours.
pub struct Terminal {
    child: Child,
    master: File,
    pieces: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    /// How much of what was seen was waited for.
    past: usize,
}

impl Terminal {
    /// Starts it, all three streams on the terminal.
    pub fn start(mut command: Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let name = name.to_str().expect("its name");
        let open = || OpenOptions::new().read(true).write(true).open(name).expect("the terminal");
        tcsetwinsize(&master, Winsize { ws_row: 40, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 })
            .expect("its size");
        command.env("TERM", "xterm-256color").stdin(open()).stdout(open()).stderr(open());
        let child = command.spawn().expect("start belljar");
        // The command's copies of the descriptors go with it; ours must go too, or the end is never seen.
        drop(command);
        let master = File::from(master);
        let mut reader = master.try_clone().expect("a copy");
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { child, master, pieces, seen: Vec::new(), past: 0 }
    }

    /// Types.
    pub fn write(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).expect("type");
    }

    /// Waits until the terminal is sent this, behind what was waited for before.
    pub fn wait_for(&mut self, text: &str, patience: Duration) {
        let until = Instant::now() + patience;
        loop {
            let behind = self.seen[self.past..].windows(text.len()).position(|part| part == text.as_bytes());
            if let Some(at) = behind {
                self.past += at + text.len();
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.seen.extend(piece),
                Err(_) => panic!("{text:?} was not seen: {}", self.text()),
            }
        }
    }

    /// Waits for the end; gives back the exit code.
    pub fn end(&mut self, patience: Duration) -> Option<i32> {
        let until = Instant::now() + patience;
        loop {
            match self.pieces.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(piece) => self.seen.extend(piece),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().expect("wait").code(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.text()),
            }
        }
    }

    /// All that stays on the terminal, line by line: a line that was drawn over is as it was in the end.
    pub fn text(&self) -> String {
        let seen = String::from_utf8_lossy(&self.seen).replace("\r\n", "\n");
        let stays = |line: &str| line.rsplit("\r\x1b[2K").next().unwrap_or_default().replace('\r', "");
        seen.split('\n').map(stays).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
