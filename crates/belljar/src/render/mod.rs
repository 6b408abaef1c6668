//! What people see: streams, results, pictures, errors, tables and progress.
//!
//! Nothing here decides anything: it is handed events and writes them.

pub mod image;
pub mod progress;
mod screen;
pub mod table;
pub mod terminal;

pub use screen::{Picture, Screen, failure, print};
