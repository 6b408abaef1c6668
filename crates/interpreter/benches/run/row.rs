//! One row: samples of ours and of a peer, or why there are none.

use serde_json::json;

/// Samples, or why a row could not be measured.
pub type Measured = Result<Pair, String>;

/// Samples of ours, and of a peer where the row has one.
#[derive(Default)]
pub struct Pair {
    /// Ours.
    pub ours: Vec<f64>,
    /// The peer's, taken in turns with ours.
    pub peers: Vec<f64>,
    peer: Option<&'static str>,
}

impl Pair {
    /// Without samples yet, against this peer.
    pub fn against(peer: &'static str) -> Pair {
        Pair { peer: Some(peer), ..Pair::default() }
    }
}

/// What the row must reach.
pub enum Goal {
    /// Our median over the peer's.
    RatioMax(f64),
    /// Our median, in the row's unit.
    Max(f64),
}

/// Prints one row as a line of JSON.
pub fn print(name: &str, unit: &str, goal: Goal, measured: Measured) {
    let mut row = json!({ "name": name, "unit": unit });
    match goal {
        Goal::RatioMax(ratio) => row["ratio_max"] = ratio.into(),
        Goal::Max(most) => row["max"] = most.into(),
    }
    match measured {
        Ok(pair) => {
            row["ours"] = json!(pair.ours);
            row["peer"] = json!(pair.peer.map(|name| json!({ "name": name, "samples": pair.peers })));
        }
        Err(why) => row["failed"] = why.into(),
    }
    println!("{row}");
}
