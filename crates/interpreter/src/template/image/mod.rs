//! A template as the root file system of a container: what it needs of this host, and nothing else, as a tar archive.
//!
//! It runs where it is unpacked, as no program of it looks outside. Which programs come along is `programs`'s, which
//! libraries they need `libraries`'s, which part of a Python installation `python`'s, which files they read
//! `host_files`'s, how it becomes an archive `archive`'s.

mod archive;
mod host_files;
mod libraries;
mod needs;
mod programs;
mod python;
mod root;
#[cfg(test)]
mod tests;

use super::Template;
use jail::plan::inside;
use libraries::Libraries;
use root::Root;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Part of every image's name: changes when images are laid out in another way.
pub const FORMAT: u32 = 2;

/// A root file system could not be written. The message fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file of this host.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive.
    #[error("write the image: {0}")]
    Write(#[source] io::Error),
}

/// Writes the root file system of an image with this template, or with no Python at all, to `out`. `driver` is a
/// folder with the driver's files. The same files make the same bytes.
///
/// # Errors
/// A file that cannot be read, such as one that vanishes meanwhile, and whatever `out` says.
pub fn write(template: Option<&Template>, driver: &Path, out: impl Write) -> Result<(), ImageError> {
    let mut root = Root::default();
    root.lay_out();
    root.tree(driver, &Path::new(inside::OWN).join("driver"), &|_| true)?;
    if let Some(template) = template {
        root.tree(&template.root, Path::new(super::MOUNT), &|_| true)?;
        python::collect(&mut root, template)?;
    }
    programs::collect(&mut root);
    host_files::collect(&mut root)?;
    Libraries::of_this_host(template.map(|template| template.root.as_path())).collect(&mut root)?;
    archive::write(&root.entries, out)
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> ImageError {
    move |source| ImageError::Read { path: path.to_owned(), source }
}
