//! Rows of a comparison: samples of ours, samples of a peer, a target; as a table and as JSON.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fmt::Write;

/// What a row must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// The median is at most so many times the peer's median, plus so much.
    Ratio(f64, f64),
    /// The median is at most this.
    Most(f64),
}

/// One thing measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What.
    pub name: String,
    /// Of all samples: `ms`, `MiB`.
    pub unit: String,
    /// Ours; empty when the row could not be measured.
    pub ours: Vec<f64>,
    /// The peer's name and samples, taken in turns with ours.
    pub peer: Option<(String, Vec<f64>)>,
    /// What must be reached.
    pub target: Target,
    /// Why there are no samples. Such a row misses its target.
    pub failed: Option<String>,
}

impl Row {
    /// Reads `{"name":…,"unit":"ms","ours":[…],"peer":{"name":…,"samples":[…]}|null,"ratio_max":N}`, or with `"max":N`
    /// instead of `ratio_max`. A row that could not be measured has `"failed":"why"` instead of samples.
    pub fn from_json(line: &str) -> Result<Row> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("read the row {line}"))?;
        let samples = |value: &Value| -> Vec<f64> {
            value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let peer = &value["peer"];
        let row = Row {
            name: text(&value["name"]).context("a row has a name")?,
            unit: text(&value["unit"]).context("a row has a unit")?,
            ours: samples(&value["ours"]),
            peer: text(&peer["name"]).map(|name| (name, samples(&peer["samples"]))),
            target: match (value["ratio_max"].as_f64(), value["max"].as_f64()) {
                (Some(ratio), None) => Target::Ratio(ratio, 0.0),
                (None, Some(most)) => Target::Most(most),
                _ => bail!("a row has one target: {line}"),
            },
            failed: text(&value["failed"]),
        };
        let alone =
            matches!(row.target, Target::Ratio(..)) && row.peer.as_ref().is_none_or(|p| p.1.is_empty());
        if row.failed.is_none() && (row.ours.is_empty() || alone) {
            bail!("a row without samples: {line}");
        }
        Ok(row)
    }

    /// Our median over the peer's.
    pub fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, samples)| quantile(&self.ours, 0.5) / quantile(samples, 0.5))
    }

    /// Whether the target is reached.
    pub fn is_met(&self) -> bool {
        if self.failed.is_some() {
            return false;
        }
        let ours = quantile(&self.ours, 0.5);
        match (self.target, &self.peer) {
            (Target::Most(most), _) => ours <= most,
            (Target::Ratio(times, plus), Some((_, samples))) => ours <= times * quantile(samples, 0.5) + plus,
            (Target::Ratio(..), None) => false,
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::Most(most) => format!("≤ {most} {}", self.unit),
            Target::Ratio(times, 0.0) => format!("≤ {times} ×"),
            Target::Ratio(times, plus) => format!("≤ {times} × + {plus} {}", self.unit),
        }
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
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(24);
    let heads = ["p50", "p99", "min", "samples"].map(|head| format!("{head:>9}")).join(" ");
    let mut text = format!("\n{:width$} {heads} {:>7}  target\n", "", "ratio");
    for row in rows {
        if let Some(why) = &row.failed {
            let _ = writeln!(text, "{:width$} FAILED: {why}", row.name);
            continue;
        }
        let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let verdict = if row.is_met() { "met" } else { "MISSED" };
        let numbers = numbers(&row.ours);
        let _ = writeln!(text, "{:width$} {numbers} {ratio:>7}  {} {verdict}", row.name, row.target_text());
        if let Some((name, samples)) = &row.peer {
            let label = format!("  {name}");
            let _ = writeln!(text, "{label:width$} {}", self::numbers(samples));
        }
    }
    text
}

fn numbers(samples: &[f64]) -> String {
    let [p50, p99, min] = [0.5, 0.99, 0.0].map(|share| quantile(samples, share));
    format!("{p50:>9.2} {p99:>9.2} {min:>9.2} {:>9}", samples.len())
}

/// The table for programs.
pub fn to_json(rows: &[Row]) -> Value {
    let side = |samples: &[f64]| json!({ "p50": quantile(samples, 0.5), "p99": quantile(samples, 0.99), "min": quantile(samples, 0.0), "count": samples.len() });
    let row = |row: &Row| {
        let peer = row.peer.as_ref().map(|(name, samples)| json!({ "name": name, "samples": side(samples) }));
        let ours = row.failed.is_none().then(|| side(&row.ours));
        json!({ "name": row.name, "unit": row.unit, "ours": ours, "peer": peer, "ratio": row.ratio(),
                "target": row.target_text(), "met": row.is_met(), "failed": row.failed })
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
    fn rows_that_say_nothing_are_refused() {
        for bad in ["{}", r#"{"name":"a","unit":"ms","ours":[],"max":1}"#, &LINE.replace("[2,2,2]", "[]")] {
            assert!(Row::from_json(bad).is_err(), "{bad}");
        }
    }
}
