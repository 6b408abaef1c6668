//! Rows of a comparison: samples of ours, samples of a peer, a target; as a table and as JSON.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fmt::Write;

/// What a row must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Nothing: it only tells.
    None,
    /// The median is at most so many times the peer's median, plus so much.
    Ratio(f64, f64),
    /// The median is at most this.
    Most(f64),
}

/// Samples of one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// Those that succeeded.
    pub samples: Vec<f64>,
    /// How many did not.
    pub failures: u64,
    /// Why the first of them did not.
    pub why: Option<String>,
}

/// What a row is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// What it is.
    pub name: String,
    /// Taken in turns with ours.
    pub side: Side,
}

/// One thing measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Behind which walls, where rows differ in that.
    pub wall: Option<String>,
    /// What.
    pub name: String,
    /// Of all samples: `ms`, `MiB`.
    pub unit: String,
    /// Ours; empty when the row could not be measured.
    pub ours: Side,
    /// What it is compared with.
    pub peer: Option<Peer>,
    /// What must be reached.
    pub target: Target,
    /// Why there are no samples. Such a row misses its target.
    pub failed: Option<String>,
}

impl Side {
    /// Reads `[…]`, or `{"samples":[…],"failures":N,"why":"…"}`.
    fn from_json(value: &Value) -> Side {
        let listed = value.as_array().or(value["samples"].as_array());
        Side {
            samples: listed.into_iter().flatten().filter_map(Value::as_f64).collect(),
            failures: value["failures"].as_u64().unwrap_or(0),
            why: value["why"].as_str().map(str::to_owned),
        }
    }

    fn to_json(&self) -> Value {
        let of = |share| quantile(&self.samples, share);
        json!({ "p50": of(0.5), "p99": of(0.99), "min": of(0.0), "count": self.samples.len(),
                "failures": self.failures, "why": self.why })
    }
}

impl Row {
    /// Reads `{"name":…,"unit":"ms","ours":SIDE,"peer":{"name":…,SIDE}|null,"ratio_max":N,"plus":N}`, or with `"max":N` or no target
    /// instead of `ratio_max`; a side is `[…]` or `"samples":[…],"failures":N`. Rows that differ in their walls have
    /// `"wall":…`. A row that could not be measured has `"failed":"why"` instead of samples.
    pub fn from_json(line: &str) -> Result<Row> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("read the row {line}"))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let peer = &value["peer"];
        let row = Row {
            wall: text(&value["wall"]),
            name: text(&value["name"]).context("a row has a name")?,
            unit: text(&value["unit"]).context("a row has a unit")?,
            ours: Side::from_json(&value["ours"]),
            peer: text(&peer["name"]).map(|name| Peer { name, side: Side::from_json(peer) }),
            target: match (value["ratio_max"].as_f64(), value["max"].as_f64()) {
                (Some(ratio), None) => Target::Ratio(ratio, value["plus"].as_f64().unwrap_or(0.0)),
                (None, Some(most)) => Target::Most(most),
                (None, None) => Target::None,
                _ => bail!("a row has one target at most: {line}"),
            },
            failed: text(&value["failed"]),
        };
        let alone = matches!(row.target, Target::Ratio(..)) && row.ratio().is_none();
        if row.failed.is_none() && (row.ours.samples.is_empty() || alone) {
            bail!("a row without samples: {line}");
        }
        Ok(row)
    }

    /// Our median over the peer's.
    pub fn ratio(&self) -> Option<f64> {
        let peer = self.peer.as_ref().filter(|peer| !peer.side.samples.is_empty())?;
        (!self.ours.samples.is_empty())
            .then(|| quantile(&self.ours.samples, 0.5) / quantile(&peer.side.samples, 0.5))
    }

    /// Whether the target is reached. One failure of ours is enough to miss it.
    pub fn is_met(&self) -> bool {
        if self.failed.is_some() || self.ours.failures > 0 {
            return false;
        }
        let ours = quantile(&self.ours.samples, 0.5);
        match (self.target, &self.peer) {
            (Target::None, _) => true,
            (Target::Most(most), _) => ours <= most,
            (Target::Ratio(times, plus), Some(peer)) => {
                ours <= times * quantile(&peer.side.samples, 0.5) + plus
            }
            (Target::Ratio(..), None) => false,
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::None => String::new(),
            Target::Most(most) => format!("≤ {most} {}", self.unit),
            Target::Ratio(times, 0.0) => format!("≤ {times} ×"),
            Target::Ratio(times, plus) => format!("≤ {times} × + {plus} {}", self.unit),
        }
    }

    /// What people call it: with its walls and, where no target names it, its unit.
    fn label(&self) -> String {
        let wall = self.wall.as_ref().map(|wall| format!("{wall}: ")).unwrap_or_default();
        let unit = if self.target == Target::None { format!(", {}", self.unit) } else { String::new() };
        format!("{wall}{}{unit}", self.name)
    }
}

/// The value below which this share of the samples lies (nearest rank). No samples: not a number.
pub fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The table for people: under each thing of ours its peer.
pub fn render(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.label().chars().count()).max().unwrap_or(0).max(24);
    let heads = ["p50", "p99", "min", "samples", "failed"].map(|head| format!("{head:>9}")).join(" ");
    let mut text = format!("\n{:width$} {heads} {:>7}  target\n", "", "ratio");
    for row in rows {
        let label = row.label();
        if let Some(why) = &row.failed {
            let _ = writeln!(text, "{label:width$} FAILED: {why}");
            continue;
        }
        let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let verdict = match (row.target, row.is_met()) {
            (Target::None, _) => "",
            (_, true) => "met",
            (_, false) => "MISSED",
        };
        let target = format!("{} {verdict}", row.target_text());
        let line = format!("{label:width$} {} {ratio:>7}  {target}", numbers(&row.ours));
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

fn numbers(side: &Side) -> String {
    let [p50, p99, min] = [0.5, 0.99, 0.0].map(|share| quantile(&side.samples, share));
    format!("{p50:>9.2} {p99:>9.2} {min:>9.2} {:>9} {:>9}", side.samples.len(), side.failures)
}

/// The table for programs.
pub fn to_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        let peer = row.peer.as_ref().map(|peer| json!({ "name": peer.name, "samples": peer.side.to_json() }));
        let ours = row.failed.is_none().then(|| row.ours.to_json());
        json!({ "wall": row.wall, "name": row.name, "unit": row.unit, "ours": ours, "peer": peer,
                "ratio": row.ratio(), "target": row.target_text(), "met": row.is_met(), "failed": row.failed })
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"name":"fresh","unit":"ms","ours":[3,1,2],"peer":{"name":"python3","samples":[2,2,2]},"ratio_max":1.2}"#;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| quantile(&samples, share)), [1.0, 50.0, 99.0, 100.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_row_is_read_judged_and_shown() {
        let row = Row::from_json(LINE).unwrap();
        assert_eq!(row.ratio(), Some(1.0));
        assert!(row.is_met());
        let slow = Row { target: Target::Ratio(0.5, 0.9), ..row.clone() };
        assert!(!slow.is_met());
        let table = render(&[row.clone(), slow]);
        assert!(table.contains("≤ 1.2 × met") && table.contains("≤ 0.5 × + 0.9 ms MISSED"), "{table}");
        assert_eq!(to_json(&[row])[0]["peer"]["samples"]["p50"], 2.0);
    }

    #[test]
    fn a_row_that_failed_misses_its_target_and_says_why() {
        let row =
            Row::from_json(r#"{"name":"fresh","unit":"ms","failed":"no room","ratio_max":1.2}"#).unwrap();
        assert!(!row.is_met());
        assert!(render(std::slice::from_ref(&row)).contains("FAILED: no room"));
        let json = to_json(&[row]);
        assert_eq!((&json[0]["failed"], &json[0]["ours"]), (&"no room".into(), &Value::Null));
    }

    #[test]
    fn one_failed_sample_is_counted_and_misses_the_target() {
        let ours = r#""ours":{"samples":[1],"failures":2,"why":"no room"}"#;
        let row = Row::from_json(&LINE.replace(r#""ours":[3,1,2]"#, ours)).unwrap();
        assert!(!row.is_met() && row.ratio() == Some(0.5));
        let table = render(std::slice::from_ref(&row));
        assert!(table.contains("MISSED") && table.contains("failed: no room"), "{table}");
        assert_eq!(to_json(&[row])[0]["ours"]["failures"], 2);
    }

    #[test]
    fn a_row_without_a_target_tells_its_wall_and_its_unit() {
        let line = LINE.replace(r#","ratio_max":1.2"#, r#","wall":"native""#);
        let table = render(&[Row::from_json(&line).unwrap()]);
        assert!(table.contains("native: fresh, ms") && !table.contains("met"), "{table}");
    }

    #[test]
    fn rows_that_say_nothing_are_refused() {
        for bad in ["{}", r#"{"name":"a","unit":"ms","ours":[],"max":1}"#, &LINE.replace("[2,2,2]", "[]")] {
            assert!(Row::from_json(bad).is_err(), "{bad}");
        }
    }
}
