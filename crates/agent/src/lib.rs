//! Prompt to answer: a model writes code, the interpreter runs it, the model repairs it, until an answer stands.

pub mod chat;
pub mod model;

pub use chat::{Answering, AskLimits, BEST_OF_MAX, Chat, MakeSandbox, Mode, NoSandbox, Setup};
