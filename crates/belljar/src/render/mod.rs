//! What people see: streams, results, pictures, errors, tables and progress.
//!
//! Nothing here decides anything: it is handed events and writes them.

pub mod blocks;
pub mod cost;
pub mod findings;
pub mod highlight;
pub mod image;
pub mod markdown;
pub mod progress;
pub mod record;
mod screen;
pub mod speech;
pub mod spinner;
pub mod table;
pub mod terminal;
mod wrap;

pub use screen::{Picture, Screen, failure, print, tell};
