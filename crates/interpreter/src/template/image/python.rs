//! The part of a Python installation that a template needs: the interpreter and its standard library.

use super::{ImageError, Root};
use crate::template::Template;
use std::path::Path;

/// Folders of a standard library that no template needs: others' packages, tests, windows, and what builds extensions.
const LEFT_OUT: [&str; 8] =
    ["site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"];

pub(super) fn collect(root: &mut Root, template: &Template) -> Result<(), ImageError> {
    // The template's own link comes with the template; where it leads stays where it is.
    let executable = std::fs::read_link(template.root.join("bin/python")).unwrap_or_default();
    root.file(&executable);
    let mut parts = template.python_version.split('.');
    let version = [parts.next(), parts.next()].map(Option::unwrap_or_default).join(".");
    let wanted = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let tests = name == "tests" && path.is_dir();
        let builds = name.starts_with("config-") || name.ends_with(".a");
        !tests && !builds && !LEFT_OUT.contains(&name.as_ref())
    };
    for folder in ["lib", "lib64"] {
        let library = template.base_prefix.join(folder).join(format!("python{version}"));
        root.tree_in_place(&library, &wanted)?;
    }
    Ok(())
}
