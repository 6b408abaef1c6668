//! The native backend as one part of a host process: what other processes, other runtimes and other users do to it.

mod beside;
mod broken;
mod killed;
mod nobody;
mod place;
mod pool;
mod stubborn;
