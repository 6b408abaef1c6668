//! Rows as people and as programs read them.

use crate::row::{Row, Side, Target, quantile};
use serde_json::{Value, json};
use std::fmt::Write;

/// How words about a target are shown: met or not, and the words.
pub type Paint = fn(bool, &str) -> String;

/// The table for people: under each thing of ours its peer. `paint` is for whether targets are met.
pub fn render(rows: &[Row], paint: Paint) -> String {
    let own = rows.iter().map(|row| label(row).chars().count());
    let peers = rows.iter().filter_map(|row| Some(row.peer.as_ref()?.name.chars().count() + 2));
    let width = own.chain(peers).max().unwrap_or(0).max(24);
    let heads = ["p50", "p99", "samples", "failed"].map(|head| format!("{head:>9}")).join(" ");
    let mut text = format!("\n{:width$} {heads} {:>7}  target\n", "", "ratio");
    for row in rows {
        let label = label(row);
        if let Some(why) = &row.failed {
            let _ = writeln!(text, "{label:width$} {}", paint(false, &format!("FAILED: {why}")));
            continue;
        }
        if let Some(why) = &row.left_out {
            let _ = writeln!(text, "{label:width$} left out: {why}");
            continue;
        }
        let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let verdict = match (row.target, row.is_met()) {
            (Target::None, _) => String::new(),
            (_, true) => paint(true, "met"),
            (_, false) => paint(false, "MISSED"),
        };
        let line = format!("{label:width$} {} {ratio:>7}  {} {verdict}", numbers(&row.ours), target(row));
        let _ = writeln!(text, "{}", line.trim_end());
        if let Some(peer) = &row.peer {
            let label = format!("  {}", peer.name);
            let _ = writeln!(text, "{label:width$} {}", numbers(&peer.side));
        }
        let peers = row.peer.iter().map(|peer| &peer.side);
        for why in std::iter::once(&row.ours).chain(peers).filter_map(|side| side.why.as_ref()) {
            let _ = writeln!(text, "  failed: {why}");
        }
    }
    text
}

/// The table for programs.
pub fn to_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        let peer = row.peer.as_ref().map(|peer| json!({ "name": peer.name, "samples": side(&peer.side) }));
        let measured = row.failed.is_none() && row.left_out.is_none();
        let ours = measured.then(|| side(&row.ours));
        json!({ "wall": row.wall, "name": row.name, "unit": row.unit, "ours": ours, "peer": peer,
                "ratio": row.ratio(), "target": target(row), "met": measured.then(|| row.is_met()),
                "failed": row.failed, "left_out": row.left_out })
    };
    rows.iter().map(row).collect()
}

fn side(side: &Side) -> Value {
    let of = |share| quantile(&side.samples, share);
    json!({ "p50": of(0.5), "p99": of(0.99), "min": of(0.0), "count": side.samples.len(),
            "failures": side.failures, "why": side.why })
}

fn target(row: &Row) -> String {
    match row.target {
        Target::None => String::new(),
        Target::Most(most) => format!("≤ {most} {}", row.unit),
        Target::Ratio(times, 0.0) => format!("≤ {times} ×"),
        Target::Ratio(times, plus) => format!("≤ {times} × + {plus} {}", row.unit),
    }
}

/// What people call it: with its walls, and with its unit where that is not the usual one.
fn label(row: &Row) -> String {
    let wall = row.wall.as_ref().map(|wall| format!("{wall}: ")).unwrap_or_default();
    let told = row.unit == "ms" && row.target != Target::None || matches!(row.target, Target::Most(_));
    let unit = if told { String::new() } else { format!(", {}", row.unit) };
    format!("{wall}{}{unit}", row.name)
}

fn numbers(side: &Side) -> String {
    let [p50, p99] = [0.5, 0.99].map(|share| quantile(&side.samples, share));
    format!("{p50:>9.2} {p99:>9.2} {:>9} {:>9}", side.samples.len(), side.failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"name":"fresh","unit":"ms","ours":[3,1,2],"peer":{"name":"python3","samples":[2,2,2]},"ratio_max":1.2}"#;

    fn shown(rows: &[Row]) -> String {
        render(rows, |_, words| words.to_owned())
    }

    #[test]
    fn rows_are_shown_with_their_verdicts() {
        let row = Row::from_json(LINE).unwrap();
        let slow = Row { target: Target::Ratio(0.5, 0.9), ..row.clone() };
        let table = shown(&[row.clone(), slow]);
        assert!(table.contains("≤ 1.2 × met") && table.contains("≤ 0.5 × + 0.9 ms MISSED"), "{table}");
        assert_eq!(to_json(&[row])[0]["peer"]["samples"]["p50"], 2.0);
    }

    #[test]
    fn what_failed_says_why_and_so_does_what_was_left_out() {
        let failed = Row { failed: Some("no room".to_owned()), ..Row::new("fresh", "ms", Target::Most(1.0)) };
        let left_out =
            Row { left_out: Some("no bwrap".to_owned()), ..Row::new("wall", "ms", Target::Most(1.0)) };
        let table = shown(&[failed.clone(), left_out.clone()]);
        assert!(table.contains("FAILED: no room") && table.contains("left out: no bwrap"), "{table}");
        let json = to_json(&[failed, left_out]);
        assert_eq!(
            (&json[0]["failed"], &json[0]["ours"], &json[0]["met"]),
            (&"no room".into(), &Value::Null, &Value::Null)
        );
        assert_eq!((&json[1]["left_out"], &json[1]["met"]), (&"no bwrap".into(), &Value::Null));
        let ours = r#""ours":{"samples":[1],"failures":2,"why":"no room"}"#;
        let row = Row::from_json(&LINE.replace(r#""ours":[3,1,2]"#, ours)).unwrap();
        let table = shown(std::slice::from_ref(&row));
        assert!(table.contains("MISSED") && table.contains("failed: no room"), "{table}");
        assert_eq!(to_json(&[row])[0]["ours"]["failures"], 2);
    }

    #[test]
    fn a_row_without_a_target_tells_its_wall_and_its_unit() {
        let line = LINE.replace(r#","ratio_max":1.2"#, r#","wall":"native""#);
        let table = shown(&[Row::from_json(&line).unwrap()]);
        assert!(table.contains("native: fresh, ms") && !table.contains("met"), "{table}");
    }
}
