//! The journal as its callers meet it: what is written is read back, by several at once, after crashes, from bad files,
//! and as the files that people open.

mod exports;
mod files;
mod official;
mod processes;
mod runs;
mod samples;
mod writing;
