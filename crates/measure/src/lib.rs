//! Rows of a comparison: samples of ours, samples of a peer taken in turns with them, a target; as a table and as JSON, with what
//! they were measured on. Whoever measures fills them.

mod host;
mod program;
mod row;
mod table;

pub use host::{describe, load};
pub use program::program;
pub use row::{Peer, Row, Side, Target, quantile};
pub use table::{Paint, render, to_json};
