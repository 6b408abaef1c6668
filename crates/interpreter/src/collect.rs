//! What an execution says, gathered once for its events and once for its outcome, within the caps that were set.
//!
//! The guest caps first; its numbers are claims, so everything is counted again here. Events that nobody fetches yet
//! are joined: a slow reader gets fewer and larger events, memory stays within the caps, and the code does not wait.

use crate::{bundle, mime, outcome::RAISED_BYTES_MAX, text};
use protocol::{
    Bundle, EventKind, FileChange, Truncated,
    driver::Raised,
    guest::{Caps, Changed, Stream},
};
use std::collections::{HashMap, VecDeque};

/// Events that wait one by one; beyond that, output joins what waits already.
const PENDING_EVENTS: usize = 1024;
const FILES_BYTES_MAX: usize = 8 << 20;
const DISPLAY_ID_BYTES_MAX: usize = 256;
/// What an update of a display counts beside its bytes.
const UPDATE_BYTES: u64 = 1 << 10;

/// Everything that one execution said.
pub(crate) struct Collected {
    caps: Caps,
    streams: [Text; 2],
    pending: VecDeque<EventKind>,
    results: Vec<Bundle>,
    results_bytes: u64,
    displays: HashMap<String, usize>,
    reader: bundle::Reader,
    raised: Option<Raised>,
    /// Bundles that this side left out.
    results_dropped: u32,
}

#[derive(Default)]
struct Text {
    decoder: text::Decoder,
    kept: String,
    bytes: u64,
    left_out: u64,
    gap: Option<Gap>,
}

struct Gap {
    at: usize,
    bytes: u64,
}

impl Text {
    /// The text with a line in place of what is missing.
    fn take(&mut self) -> String {
        let mut kept = std::mem::take(&mut self.kept);
        if let Some(gap) = self.gap.take() {
            let newline = if kept[..gap.at].ends_with('\n') || gap.at == 0 { "" } else { "\n" };
            kept.insert_str(gap.at, &format!("{newline}[… {} bytes left out …]\n", gap.bytes));
        }
        kept
    }
}

impl Collected {
    pub fn new(caps: Caps) -> Collected {
        Collected {
            caps,
            streams: Default::default(),
            pending: VecDeque::new(),
            results: Vec::new(),
            results_bytes: 0,
            displays: HashMap::new(),
            reader: bundle::Reader::default(),
            raised: None,
            results_dropped: 0,
        }
    }

    /// Takes output, with the number of bytes that the guest left out just before.
    pub fn output(&mut self, stream: Stream, skipped: u64, bytes: &[u8]) {
        if skipped > 0 {
            self.gap(stream, skipped);
        }
        let room = self.caps.output_bytes.saturating_sub(self.text(stream).bytes);
        let keep = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let text = self.text(stream);
        text.bytes += keep as u64;
        let decoded = text.decoder.push(&bytes[..keep]);
        self.say(stream, decoded);
        if keep < bytes.len() {
            self.gap(stream, (bytes.len() - keep) as u64);
        }
    }

    fn text(&mut self, stream: Stream) -> &mut Text {
        &mut self.streams[index(stream)]
    }

    fn gap(&mut self, stream: Stream, bytes: u64) {
        let rest = self.text(stream).decoder.finish();
        self.say(stream, rest);
        let text = self.text(stream);
        text.left_out = text.left_out.saturating_add(bytes);
        let at = text.kept.len();
        match &mut text.gap {
            Some(gap) => gap.bytes = gap.bytes.saturating_add(bytes),
            None => text.gap = Some(Gap { at, bytes }),
        }
        for waiting in self.pending.iter_mut().rev() {
            match waiting {
                EventKind::Truncated { stream: of, bytes: sum } if of == name(stream) => {
                    *sum = sum.saturating_add(bytes);
                    return;
                }
                kind => {
                    if text_of(kind, stream).is_some() {
                        break;
                    }
                }
            }
        }
        self.pending.push_back(EventKind::Truncated { stream: name(stream).to_owned(), bytes });
    }

    fn say(&mut self, stream: Stream, more: String) {
        if more.is_empty() {
            return;
        }
        self.text(stream).kept.push_str(&more);
        let crowded = self.pending.len() >= PENDING_EVENTS;
        let last = match crowded {
            false => self.pending.back_mut().and_then(|kind| text_of(kind, stream)),
            true => self.pending.iter_mut().rev().find_map(|kind| text_of(kind, stream)),
        };
        match (last, stream) {
            (Some(text), _) => text.push_str(&more),
            (None, Stream::Stdout) => self.pending.push_back(EventKind::Stdout { text: more }),
            (None, Stream::Stderr) => self.pending.push_back(EventKind::Stderr { text: more }),
        }
    }

    /// Takes a result.
    pub fn bundle(&mut self, main: bool, display_id: Option<String>, update: bool, payload: &[u8]) {
        let display_id = display_id.filter(|id| id.len() <= DISPLAY_ID_BYTES_MAX);
        let earlier = display_id.as_ref().filter(|_| update).and_then(|id| self.displays.get(id)).copied();
        let cost = payload.len() as u64 + UPDATE_BYTES * u64::from(earlier.is_some());
        let bytes = self.results_bytes.saturating_add(cost);
        let counted = earlier.is_some() || self.results.len() < self.caps.results as usize;
        let bundle = match counted && bytes <= self.caps.results_bytes {
            true => self.reader.read(main, payload),
            false => None,
        };
        let Some(bundle) = bundle else {
            self.results_dropped = self.results_dropped.saturating_add(1);
            return;
        };
        self.results_bytes = bytes;
        match earlier {
            Some(at) => self.results[at] = bundle.clone(),
            None => {
                if let Some(id) = &display_id {
                    self.displays.insert(id.clone(), self.results.len());
                }
                self.results.push(bundle.clone());
            }
        }
        self.show(bundle, display_id, earlier.is_some());
    }

    fn show(&mut self, bundle: Bundle, display_id: Option<String>, update: bool) {
        if update {
            for waiting in self.pending.iter_mut().rev() {
                match waiting {
                    EventKind::Result { bundle: old, display_id: of, .. } if *of == display_id => {
                        *old = bundle;
                        return;
                    }
                    _ => {}
                }
            }
        }
        self.pending.push_back(EventKind::Result { bundle, display_id, update });
    }

    /// Takes the first exception; later ones are not believed.
    pub fn raised(&mut self, payload: &[u8]) {
        if self.raised.is_some() {
            return;
        }
        let told = (payload.len() <= RAISED_BYTES_MAX).then(|| serde_json::from_slice(payload).ok());
        let message = "the exception could not be read".to_owned();
        let unread = || Raised { name: "Exception".to_owned(), message, ..Raised::default() };
        self.raised = Some(told.flatten().unwrap_or_else(unread));
    }

    /// The next event, if one waits.
    pub fn next_event(&mut self) -> Option<EventKind> {
        self.pending.pop_front()
    }

    /// Whether an event waits.
    pub fn has_events(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The end of both streams: no more will come.
    pub fn finish(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = self.text(stream).decoder.finish();
            self.say(stream, rest);
        }
    }

    /// Takes what goes into an outcome.
    pub fn take(&mut self) -> Taken {
        let [stdout, stderr] = &mut self.streams;
        let truncated = Truncated {
            stdout_bytes: stdout.left_out,
            stderr_bytes: stderr.left_out,
            results: self.results_dropped,
            files: 0,
            spilled_to: Vec::new(),
        };
        Taken {
            stdout: stdout.take(),
            stderr: stderr.take(),
            results: std::mem::take(&mut self.results),
            raised: self.raised.take(),
            truncated,
        }
    }

    /// The files of an `Ended` payload, and how many were left out here.
    pub fn files(&self, payload: &[u8]) -> (Vec<FileChange>, u32) {
        let listed = (payload.len() <= FILES_BYTES_MAX).then(|| serde_json::from_slice(payload).ok());
        let listed: Vec<Changed> = listed.flatten().unwrap_or_default();
        let count = listed.len();
        let files: Vec<FileChange> = listed
            .into_iter()
            .filter(|file| is_below(&file.path))
            .take(self.caps.files as usize)
            .map(|Changed { path, size, sha256, change }| {
                let sha256 = sha256.filter(|hash| hash.len() == 64 && hash.bytes().all(is_hexadecimal));
                FileChange { mime: mime::guess(&path), path, size, sha256, change }
            })
            .collect();
        let left_out = u32::try_from(count - files.len()).unwrap_or(u32::MAX);
        (files, left_out)
    }
}

/// What an outcome takes over.
pub(crate) struct Taken {
    pub stdout: String,
    pub stderr: String,
    pub results: Vec<Bundle>,
    pub raised: Option<Raised>,
    pub truncated: Truncated,
}

/// Whether a path from a sandbox stays below the directory that it is joined to.
pub(crate) fn is_below(path: &str) -> bool {
    let sound = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= 4096 * 4 && !path.contains('\0') && path.split('/').all(sound)
}

fn is_hexadecimal(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

fn text_of(kind: &mut EventKind, stream: Stream) -> Option<&mut String> {
    match (kind, stream) {
        (EventKind::Stdout { text }, Stream::Stdout) => Some(text),
        (EventKind::Stderr { text }, Stream::Stderr) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
