//! The desk as edges use it, in front of fake sandboxes: what is kept for whom, for how long, and how it ends.

mod kept;
mod running;
mod scene;
mod spares;
mod warm;
