//! The HTTP edge: one file for each resource, one function for each endpoint. Parses, calls the desk, renders.

mod address;
mod archive;
mod body;
mod callers;
mod commands;
mod contexts;
mod described;
mod docs;
mod executions;
mod files;
mod gate;
mod headers;
mod health;
mod journal;
mod listen;
mod live;
mod metrics;
mod openapi;
mod pages;
mod problem;
mod ranges;
mod request_id;
mod routes;
mod sandboxes;
mod served;
mod status;
mod upload;
mod views;

pub use gate::Gate;
pub use listen::{Bounds, bind, listen};
pub use served::{Served, Shared};
