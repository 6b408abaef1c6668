//! The loop from a question to an answer: with scripted models and the fake backend where that is enough, with recordings
//! and real Python where it is not. Nothing here needs a key or the network.

mod bounds;
mod cancels;
mod direct;
mod native;
mod places;
mod policy;
mod race;
mod recorder;
mod recordings;
mod scene;
mod talk;
mod undo;
