//! What is kept of one output stream: the first half as it comes, the last half at the end, the rest counted, and
//! the whole in a file where that is wanted.

use rustix::fs::{Mode, OFlags};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;

/// Bytes that a stream keeps whatever is asked for.
const CAP_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a spill file.
const SPILL_BYTES_MAX: u64 = 64 << 20;

/// The file with the whole stream, made when the stream is longer than its cap.
struct Spill {
    dir: String,
    name: String,
    head: Vec<u8>,
    file: Option<File>,
    written: u64,
    stopped: bool,
}

impl Spill {
    fn begin(&mut self, tail: &VecDeque<u8>) {
        let _ = rustix::fs::mkdir(&self.dir, Mode::RWXU);
        let path = self.path();
        let _ = rustix::fs::unlink(&path);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => self.file = Some(File::from(fd)),
            Err(_) => self.stopped = true,
        }
        let head = std::mem::take(&mut self.head);
        self.write(&head);
        let (first, second) = tail.as_slices();
        self.write(first);
        self.write(second);
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(file) = self.file.as_mut().filter(|_| !self.stopped) else {
            return;
        };
        let room = (SPILL_BYTES_MAX - self.written).min(bytes.len() as u64) as usize;
        // A disk that is full, or a file that was taken away, ends the file early: it is then shorter than the stream.
        self.stopped = file.write_all(&bytes[..room]).is_err() || room < bytes.len();
        self.written += room as u64;
    }

    fn path(&self) -> String {
        format!("{}/{}", self.dir, self.name)
    }
}

/// One stream of one execution.
pub struct Capture {
    head_left: u64,
    tail_max: usize,
    tail: VecDeque<u8>,
    skipped: u64,
    spill: Option<Spill>,
}

impl Capture {
    /// Keeps `cap_bytes`. `spill` is the directory and name of the file for the whole.
    pub fn new(cap_bytes: u64, spill: Option<(String, String)>) -> Capture {
        let cap = cap_bytes.min(CAP_BYTES_MAX);
        let spill = spill.map(|(dir, name)| Spill {
            dir,
            name,
            head: Vec::new(),
            file: None,
            written: 0,
            stopped: false,
        });
        Capture {
            head_left: cap / 2,
            tail_max: (cap - cap / 2) as usize,
            tail: VecDeque::new(),
            skipped: 0,
            spill,
        }
    }

    /// Takes bytes; what is returned goes to the host at once.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (head, rest) = bytes.split_at((bytes.len() as u64).min(self.head_left) as usize);
        self.head_left -= head.len() as u64;
        if let Some(spill) = self.spill.as_mut().filter(|spill| spill.file.is_none() && !spill.stopped) {
            spill.head.extend_from_slice(head);
        }
        self.keep(rest);
        head
    }

    fn keep(&mut self, bytes: &[u8]) {
        let overflow = (self.tail.len() + bytes.len()).saturating_sub(self.tail_max);
        if let Some(spill) = &mut self.spill {
            if overflow > 0 && spill.file.is_none() && !spill.stopped {
                spill.begin(&self.tail);
            }
            spill.write(bytes);
        }
        self.skipped += overflow as u64;
        let old = overflow.min(self.tail.len());
        self.tail.drain(..old);
        self.tail.extend(&bytes[overflow - old..]);
    }

    /// At the end: how many bytes were left out, and what follows them.
    pub fn rest(&mut self) -> (u64, Vec<u8>) {
        (self.skipped, std::mem::take(&mut self.tail).into())
    }

    /// Where the whole lies, when it was longer than the cap.
    pub fn spilled_to(&self) -> Option<String> {
        self.spill.as_ref().filter(|spill| spill.written > 0).map(Spill::path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_tail_are_kept_and_the_rest_is_counted() {
        for step in [1, 3, 7, 10, 100] {
            for total in [0usize, 4, 5, 9, 10, 11, 20, 100] {
                let all: Vec<u8> = (0..total).map(|n| n as u8).collect();
                let mut capture = Capture::new(10, None);
                let mut head = Vec::new();
                for part in all.chunks(step) {
                    head.extend_from_slice(capture.take(part));
                }
                let (skipped, tail) = capture.rest();
                assert_eq!(head, all[..total.min(5)]);
                assert_eq!(skipped as usize, total.saturating_sub(10));
                assert_eq!(tail, all[total.saturating_sub(5).max(head.len())..]);
            }
        }
        let mut nothing = Capture::new(0, None);
        assert!(nothing.take(b"abc").is_empty());
        assert_eq!(nothing.rest(), (3, vec![]));
    }

    #[test]
    fn the_whole_is_in_the_spill_file() {
        let dir = std::env::temp_dir().join(format!("belljar-spill-{}", std::process::id()));
        let name = "one.stdout".to_owned();
        let mut capture = Capture::new(100, Some((dir.to_str().unwrap().to_owned(), name)));
        let all: Vec<u8> = (0..1000u32).flat_map(|n| n.to_le_bytes()).collect();
        for part in all.chunks(33) {
            capture.take(part);
        }
        let path = capture.spilled_to().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), all);
        let mut short = Capture::new(100, Some((dir.to_str().unwrap().to_owned(), "two".into())));
        short.take(&all[..100]);
        assert_eq!(short.spilled_to(), None);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
