//! Images of the templates that are built here: what is in the archive, and that it runs where it is unpacked.
//!
//! `contents` reads the archive; `runs` starts programs inside of the unpacked root and has `links` ask the loader in it
//! for every library. Unit tests beside the code cover hosts that are laid out in another way.

mod contents;
mod links;
mod runs;
mod scene;
