//! Prompt to answer: a model writes code, the interpreter runs it, the model repairs it, until an answer stands.

pub mod model;
