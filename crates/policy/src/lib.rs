//! May this code run? The same code under the same policy has the same verdict, always.
//!
//! A front end for each language turns code into [`sighting::Sighting`]s: what it imports, calls, reads and writes, by
//! the name that stands behind the name, and what cannot be seen. One judge turns those into findings. It is early
//! feedback for a model, never the boundary: that is the sandbox.

mod bash;
mod check;
mod hint;
mod javascript;
mod judge;
mod places;
mod policy;
mod python;
mod rule;
mod sighting;

pub use check::{Verdict, check};
pub use policy::{Effect, Names, PRESETS, Policy, PolicyError};
pub use rule::{Explanation, Rule, explain, rules};
