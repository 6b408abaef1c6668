//! Guests that lie. Whatever they send, the host stays up, within its memory and in time, and says what happened.

mod files;
mod frames;
mod processes;
mod scene;
mod start;
mod time;
mod watches;
