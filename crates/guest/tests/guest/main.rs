//! The real guest as an ordinary process, against honest drivers, lying ones, and a host that knows no mercy.

mod contexts;
mod files;
mod host;
mod hostile;
mod sandbox;
mod zygote;
