//! One row: samples of ours and of a peer, how many failed, or why there are none.

use serde_json::{Value, json};

/// Samples, or why a row could not be measured.
pub type Measured = Result<Pair, String>;

/// Samples of ours, and of a peer where the row has one.
#[derive(Clone, Default)]
pub struct Pair {
    ours: Side,
    /// The peer's name, and its samples, taken in turns with ours.
    peer: Option<(String, Side)>,
}

#[derive(Clone, Default)]
struct Side {
    samples: Vec<f64>,
    /// Why samples failed.
    failures: Vec<String>,
}

impl Side {
    fn take(&mut self, sample: Result<f64, String>) {
        match sample {
            Ok(value) => self.samples.push(value),
            Err(why) => self.failures.push(why),
        }
    }

    fn to_json(&self) -> Value {
        json!({ "samples": self.samples, "failures": self.failures.len(), "why": self.failures.first() })
    }
}

impl Pair {
    /// Without samples yet, against this peer.
    pub fn against(peer: impl Into<String>) -> Pair {
        Pair { peer: Some((peer.into(), Side::default())), ..Pair::default() }
    }

    /// A sample of ours, or why there is none.
    pub fn ours(&mut self, sample: Result<f64, String>) {
        self.ours.take(sample);
    }

    /// A sample of the peer's, or why there is none.
    pub fn peers(&mut self, sample: Result<f64, String>) {
        if let Some((_, side)) = &mut self.peer {
            side.take(sample);
        }
    }
}

/// What a row is about.
pub struct Head<'a> {
    /// Behind which walls, where rows differ in that.
    pub wall: Option<&'a str>,
    /// What was measured.
    pub name: &'a str,
    /// Of all samples: `ms`, `MiB`.
    pub unit: &'a str,
    /// What must be reached, where there is a target.
    pub goal: Option<Goal>,
}

/// What a row must reach.
pub enum Goal {
    /// Our median over the peer's.
    RatioMax(f64),
    /// Our median at most so many times the peer's, plus so much in the row's unit.
    RatioPlus(f64, f64),
    /// Our median, in the row's unit.
    Max(f64),
}

/// Prints one row as a line of JSON.
pub fn print(head: &Head, measured: Measured) {
    let mut row = json!({ "wall": head.wall, "name": head.name, "unit": head.unit });
    match head.goal {
        Some(Goal::RatioMax(ratio)) => row["ratio_max"] = ratio.into(),
        Some(Goal::RatioPlus(ratio, plus)) => {
            row["ratio_max"] = ratio.into();
            row["plus"] = plus.into();
        }
        Some(Goal::Max(most)) => row["max"] = most.into(),
        None => {}
    }
    match measured {
        Ok(Pair { ours, .. }) if ours.samples.is_empty() => {
            let why = ours.failures.first().map_or("nothing was measured", String::as_str);
            row["failed"] = format!("all {} samples failed, first: {why}", ours.failures.len()).into();
        }
        Ok(Pair { ours, peer }) => {
            row["ours"] = ours.to_json();
            row["peer"] = json!(peer.map(|(name, side)| {
                let mut peer = side.to_json();
                peer["name"] = name.into();
                peer
            }));
        }
        Err(why) => row["failed"] = why.into(),
    }
    println!("{row}");
}
