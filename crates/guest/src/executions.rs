//! One run of code or of a command: its output on the way to the host, its caps, its end.

use crate::changes::{Changes, Snapshot};
use crate::output::Capture;
use crate::readiness::Interest;
use crate::settings::Place;
use crate::wire::Host;
use protocol::ExecutionId;
use protocol::guest::{Caps, Changed, End, Reply, Stream};
use std::time::{Duration, Instant};

/// Output of one frame, in bytes.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// Output that is sent without waiting for more, in bytes.
const EAGER_BYTES: usize = 32 << 10;
/// Time between two frames of little output.
const PAUSE: Duration = Duration::from_millis(5);
/// Changes from one stream to the other that are kept apart before a frame is sent.
const SEGMENTS_MAX: usize = 16;
/// Errors of one execution that reach the host: one that was raised, and some that were shown before.
const ERRORS_MAX: u32 = 8;

/// A running execution.
pub struct Execution {
    /// Its id.
    pub id: ExecutionId,
    caps: Caps,
    stdout: Capture,
    stderr: Capture,
    segments: Vec<(Stream, Vec<u8>)>,
    sent_at: Option<Instant>,
    results: u32,
    results_bytes: u64,
    results_dropped: u32,
    errors: u32,
    cpu_us: u64,
    before: Snapshot,
}

impl Execution {
    /// Begins. `cpu_us` is what its processes have used so far.
    pub fn begin(id: ExecutionId, caps: Caps, cpu_us: u64, place: &Place) -> Execution {
        let spill = |stream| {
            caps.spill.then(|| (format!("{}{}/belljar", place.root, place.tmp), format!("{id}.{stream}")))
        };
        Execution {
            stdout: Capture::new(caps.output_bytes, spill("stdout")),
            stderr: Capture::new(caps.output_bytes, spill("stderr")),
            id,
            caps,
            segments: Vec::new(),
            sent_at: None,
            results: 0,
            results_bytes: 0,
            results_dropped: 0,
            errors: 0,
            cpu_us,
            before: Snapshot::take(place),
        }
    }

    /// Takes output.
    pub fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let capture = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let now = capture.take(bytes);
        if now.is_empty() {
            return;
        }
        let many = self.segments.len() >= SEGMENTS_MAX;
        let same = match many {
            true => self.segments.iter_mut().rfind(|(of, _)| *of == stream),
            false => self.segments.last_mut().filter(|(of, _)| *of == stream),
        };
        match same {
            Some((_, segment)) => segment.extend_from_slice(now),
            None => self.segments.push((stream, now.to_vec())),
        }
    }

    /// Sends what was taken, if it is much or nothing was sent for a while.
    pub fn send_due(&mut self, now: Instant, host: &mut Host) {
        let bytes: usize = self.segments.iter().map(|(_, segment)| segment.len()).sum();
        if bytes >= EAGER_BYTES || self.sent_at.is_none_or(|sent| now >= sent + PAUSE) {
            self.send(now, host);
        }
    }

    /// Sends what was taken.
    pub fn send(&mut self, now: Instant, host: &mut Host) {
        for (stream, segment) in std::mem::take(&mut self.segments) {
            self.sent_at = Some(now);
            self.send_stream(stream, 0, &segment, host);
        }
    }

    /// What to wait for.
    pub fn interest(&self, wants: &mut Interest<'_>) {
        if let Some(sent) = self.sent_at.filter(|_| !self.segments.is_empty()) {
            wants.at(sent + PAUSE);
        }
    }

    /// Bytes that the next bundle may have.
    pub fn bundle_room(&self) -> usize {
        match self.results < self.caps.results {
            true => (self.caps.results_bytes - self.results_bytes) as usize,
            false => 0,
        }
    }

    /// Counts a bundle; false when there is no room for it.
    pub fn count_bundle(&mut self, bytes: usize) -> bool {
        let fits = self.results < self.caps.results && bytes <= self.bundle_room();
        if fits {
            self.results += 1;
            self.results_bytes += bytes as u64;
        } else {
            self.results_dropped = self.results_dropped.saturating_add(1);
        }
        fits
    }

    /// Counts an error; false when there were enough.
    pub fn count_error(&mut self) -> bool {
        self.errors += u32::from(self.errors < ERRORS_MAX);
        self.errors < ERRORS_MAX
    }

    /// Ends: sends the last output; what remains is to look at the workspace.
    pub fn finish(mut self, end: End, cpu_us: u64, place: &Place, host: &mut Host) -> Finishing {
        self.send(Instant::now(), host);
        for stream in [Stream::Stdout, Stream::Stderr] {
            let capture = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            let (skipped, tail) = capture.rest();
            self.send_stream(stream, skipped, &tail, host);
        }
        Finishing {
            changes: Changes::since(&self.before, place, self.caps.files),
            spilled_to: [&self.stdout, &self.stderr]
                .iter()
                .filter_map(|capture| capture.spilled_to())
                .map(|path| path.strip_prefix(&place.root).map(str::to_owned).unwrap_or(path))
                .collect(),
            id: self.id,
            end,
            cpu_us: cpu_us.saturating_sub(self.cpu_us),
            results_dropped: self.results_dropped,
        }
    }

    fn send_stream(&self, stream: Stream, mut skipped: u64, bytes: &[u8], host: &mut Host) {
        if bytes.is_empty() && skipped > 0 {
            host.send(&Reply::Output { execution: self.id.clone(), stream, skipped }, b"");
        }
        for part in bytes.chunks(FRAME_BYTES_MAX) {
            host.send(&Reply::Output { execution: self.id.clone(), stream, skipped }, part);
            skipped = 0;
        }
    }
}

/// An execution that has ended and whose changed files are still being looked at.
pub struct Finishing {
    id: ExecutionId,
    end: End,
    cpu_us: u64,
    results_dropped: u32,
    spilled_to: Vec<String>,
    changes: Changes,
}

impl Finishing {
    /// Does a little of the work; true when all is done.
    pub fn step(&mut self, place: &Place, scratch: &mut [u8]) -> bool {
        self.changes.step(place, scratch)
    }

    /// Tells the host.
    pub fn send(self, host: &mut Host) {
        let files_dropped = self.changes.dropped;
        let files: Vec<Changed> = self.changes.into_list();
        let reply = Reply::Ended {
            execution: self.id,
            end: self.end,
            cpu_us: self.cpu_us,
            results_dropped: self.results_dropped,
            files_dropped,
            spilled_to: self.spilled_to,
        };
        host.send_owned(&reply, serde_json::to_vec(&files).unwrap_or_else(|_| b"[]".to_vec()));
    }
}

/// Tells the host the end of an execution that never began.
pub fn ended_unrun(execution: ExecutionId, end: End, host: &mut Host) {
    let (cpu_us, results_dropped, files_dropped, spilled_to) = (0, 0, 0, Vec::new());
    host.send(&Reply::Ended { execution, end, cpu_us, results_dropped, files_dropped, spilled_to }, b"[]");
}
