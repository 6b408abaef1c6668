//! One row.

use serde_json::Value;

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
    /// What this host lacks to measure it. Such a row is neither met nor missed.
    pub left_out: Option<String>,
}

impl Side {
    /// Takes a sample, or why there is none.
    pub fn take(&mut self, sample: Result<f64, String>) {
        match sample {
            Ok(value) => self.samples.push(value),
            Err(why) => {
                self.failures += 1;
                self.why.get_or_insert(why);
            }
        }
    }

    /// Reads `[…]`, or `{"samples":[…],"failures":N,"why":"…"}`.
    fn from_json(value: &Value) -> Side {
        let listed = value.as_array().or(value["samples"].as_array());
        Side {
            samples: listed.into_iter().flatten().filter_map(Value::as_f64).collect(),
            failures: value["failures"].as_u64().unwrap_or(0),
            why: value["why"].as_str().map(str::to_owned),
        }
    }
}

impl Row {
    /// A row without samples yet.
    pub fn new(name: impl Into<String>, unit: &str, target: Target) -> Row {
        let (wall, ours, peer, failed, left_out) = Default::default();
        Row { wall, name: name.into(), unit: unit.to_owned(), ours, peer, target, failed, left_out }
    }

    /// The same beside a peer.
    pub fn against(self, peer: impl Into<String>) -> Row {
        Row { peer: Some(Peer { name: peer.into(), side: Side::default() }), ..self }
    }

    /// A sample of the peer's, where the row has one.
    pub fn peers(&mut self, sample: Result<f64, String>) {
        if let Some(peer) = &mut self.peer {
            peer.side.take(sample);
        }
    }

    /// Reads `{"name":…,"unit":"ms","ours":SIDE,"peer":{"name":…,SIDE}|null,"ratio_max":N,"plus":N}`, or with `"max":N` or no target
    /// instead of `ratio_max`; a side is `[…]` or `"samples":[…],"failures":N`. Rows that differ in their walls have
    /// `"wall":…`. A row that could not be measured has `"failed":"why"` instead of samples.
    ///
    /// # Errors
    /// Text that is no row, or one without samples that does not say why.
    pub fn from_json(line: &str) -> Result<Row, String> {
        let value: Value =
            serde_json::from_str(line).map_err(|error| format!("read the row {line}: {error}"))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let peer = &value["peer"];
        let row = Row {
            wall: text(&value["wall"]),
            name: text(&value["name"]).ok_or("a row has a name")?,
            unit: text(&value["unit"]).ok_or("a row has a unit")?,
            ours: Side::from_json(&value["ours"]),
            peer: text(&peer["name"]).map(|name| Peer { name, side: Side::from_json(peer) }),
            target: match (value["ratio_max"].as_f64(), value["max"].as_f64()) {
                (Some(ratio), None) => Target::Ratio(ratio, value["plus"].as_f64().unwrap_or(0.0)),
                (None, Some(most)) => Target::Most(most),
                (None, None) => Target::None,
                _ => return Err(format!("a row has one target at most: {line}")),
            },
            failed: text(&value["failed"]),
            left_out: None,
        };
        let alone = matches!(row.target, Target::Ratio(..)) && row.ratio().is_none();
        if row.failed.is_none() && (row.ours.samples.is_empty() || alone) {
            return Err(format!("a row without samples: {line}"));
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
        if self.left_out.is_some() {
            return true;
        }
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
}

/// The value below which this share of the samples lies (nearest rank). No samples: not a number.
pub fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
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
    fn a_row_is_read_and_judged() {
        let row = Row::from_json(LINE).unwrap();
        assert_eq!(row.ratio(), Some(1.0));
        assert!(row.is_met());
        assert!(!Row { target: Target::Ratio(0.5, 0.9), ..row.clone() }.is_met());
        let failed = r#"{"name":"fresh","unit":"ms","failed":"no room","ratio_max":1.2}"#;
        assert!(!Row::from_json(failed).unwrap().is_met());
    }

    #[test]
    fn one_failed_sample_is_counted_and_misses_the_target() {
        let ours = r#""ours":{"samples":[1],"failures":2,"why":"no room"}"#;
        let row = Row::from_json(&LINE.replace(r#""ours":[3,1,2]"#, ours)).unwrap();
        assert!(!row.is_met() && row.ratio() == Some(0.5));
        let mut side = Side::default();
        [Ok(1.0), Err("no room".to_owned()), Err("worse".to_owned())]
            .into_iter()
            .for_each(|sample| side.take(sample));
        assert_eq!(side, row.ours);
    }

    #[test]
    fn rows_that_say_nothing_are_refused() {
        for bad in ["{}", r#"{"name":"a","unit":"ms","ours":[],"max":1}"#, &LINE.replace("[2,2,2]", "[]")] {
            assert!(Row::from_json(bad).is_err(), "{bad}");
        }
    }
}
