//! Caps, joining and order of what an execution says.

use super::*;
use protocol::Change;
use serde_json::json;

fn caps(output_bytes: u64, results: u32) -> Caps {
    Caps { output_bytes, results, results_bytes: 10_000, files: 3, spill: false }
}

fn events(collected: &mut Collected) -> Vec<EventKind> {
    std::iter::from_fn(|| collected.next_event()).collect()
}

fn stdout(text: &str) -> EventKind {
    EventKind::Stdout { text: text.to_owned() }
}

#[test]
fn gaps_are_shown_where_they_are() {
    let mut collected = Collected::new(caps(100, 1));
    collected.output(Stream::Stdout, 0, b"head");
    collected.output(Stream::Stderr, 0, b"e");
    collected.output(Stream::Stdout, 7, b"tail");
    collected.finish();
    let gap = EventKind::Truncated { stream: "stdout".to_owned(), bytes: 7 };
    let error = EventKind::Stderr { text: "e".to_owned() };
    assert_eq!(events(&mut collected), [stdout("head"), error, gap, stdout("tail")]);
    let taken = collected.take();
    assert_eq!(taken.stdout, "head\n[… 7 bytes left out …]\ntail");
    assert_eq!((taken.stderr.as_str(), taken.truncated.stdout_bytes), ("e", 7));
}

#[test]
fn a_guest_cannot_send_more_than_the_cap() {
    let mut collected = Collected::new(caps(10, 1));
    for _ in 0..1000 {
        collected.output(Stream::Stdout, 0, b"123456");
    }
    collected.output(Stream::Stdout, u64::MAX, b"x");
    collected.finish();
    let taken = collected.take();
    assert!(taken.stdout.starts_with("1234561234\n[…"), "{}", taken.stdout);
    assert_eq!(taken.truncated.stdout_bytes, u64::MAX);
    assert_eq!(events(&mut collected).len(), 2);
}

#[test]
fn a_slow_reader_gets_fewer_and_larger_events() {
    let mut collected = Collected::new(caps(1 << 20, 1));
    for _ in 0..100_000 {
        collected.output(Stream::Stdout, 0, b"o");
        collected.output(Stream::Stderr, 0, b"e");
    }
    let all = events(&mut collected);
    assert!(all.len() <= PENDING_EVENTS + 2, "{}", all.len());
    let (mut out, mut err) = (0, 0);
    for kind in all {
        match kind {
            EventKind::Stdout { text } => out += text.len(),
            EventKind::Stderr { text } => err += text.len(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((out, err), (100_000, 100_000));
}

#[test]
fn characters_survive_frames() {
    let mut collected = Collected::new(caps(100, 1));
    for byte in "aé図".bytes() {
        collected.output(Stream::Stdout, 0, &[byte]);
    }
    collected.output(Stream::Stdout, 0, b"\xe5");
    collected.finish();
    assert_eq!(collected.take().stdout, "aé図\u{fffd}");
    assert_eq!(events(&mut collected), [stdout("aé図\u{fffd}")]);
}

#[test]
fn results_are_counted_and_updates_replace() {
    let mut collected = Collected::new(caps(100, 2));
    let show = |text: &str| json!({"text/plain": text}).to_string().into_bytes();
    let id = || Some("bar".to_owned());
    collected.bundle(false, id(), false, &show("0 %"));
    assert_eq!(events(&mut collected).len(), 1);
    for percent in 1..=5 {
        collected.bundle(false, id(), true, &show(&format!("{percent} %")));
    }
    collected.bundle(true, None, false, &show("main"));
    collected.bundle(true, None, false, &show("too many"));
    collected.bundle(false, id(), true, b"no bundle");
    collected.bundle(false, id(), true, &vec![b' '; 20_000]);
    let all = events(&mut collected);
    assert_eq!(all.len(), 2, "{all:?}");
    let taken = collected.take();
    let texts: Vec<_> = taken.results.iter().map(|bundle| bundle.data["text/plain"].clone()).collect();
    assert_eq!(texts, [json!("5 %"), json!("main")]);
    assert_eq!(taken.truncated.results, 3);
}

#[test]
fn exceptions_that_cannot_be_read_are_still_exceptions() {
    let mut collected = Collected::new(caps(100, 1));
    collected.raised(b"{{{");
    collected.raised(br#"{"name":"Late"}"#);
    assert_eq!(collected.take().raised.unwrap().name, "Exception");
}

#[test]
fn paths_that_lead_out_are_left_out() {
    let collected = Collected::new(caps(100, 1));
    let change = |path: &str| Changed {
        path: path.to_owned(),
        size: 1,
        sha256: Some("../x".to_owned()),
        change: Change::Created,
    };
    let claimed =
        ["/etc/passwd", "../x", "a/../../x", "a//b", "", "a\0b", ".", "a/plot.png", "new\nline", "c", "d"];
    let payload = serde_json::to_vec(&claimed.map(change)).unwrap();
    let (files, left_out) = collected.files(&payload);
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a/plot.png", "new\nline", "c"]);
    assert_eq!((left_out, files[0].mime.as_str(), files[0].sha256.clone()), (8, "image/png", None));
    assert_eq!(collected.files(b"[{").0, []);
}
