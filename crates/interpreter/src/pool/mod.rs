//! Warm sandboxes that nobody uses yet: each with a Python context that is up, so that a request finds all made.
//!
//! A shelf is for one kind of request. How many it holds follows demand, memory and the machine's load; one task fills
//! all shelves, one sandbox at a time. Whoever finds a shelf empty makes a sandbox as if there were no pool. A sandbox
//! that was taken never comes back.

mod budget;
mod demand;
mod figures;
mod load;
mod pressure;
mod refill;
mod shelf;
mod shelves;
mod warm;

pub use demand::Stock;
pub use figures::{HeldBack, PoolState};
pub use pressure::Gauges;
pub(crate) use shelves::Pool;
pub use shelves::PoolSettings;
pub use warm::Warm;
