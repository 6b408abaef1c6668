//! The part of a Python installation that a template needs: the interpreter and its standard library.

use super::ImageError;
use super::root::Root;
use crate::template::Template;
use std::path::Path;

/// Folders of a standard library that no template needs: others' packages, tests, windows, and what builds extensions.
const LEFT_OUT: [&str; 8] =
    ["site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"];
/// Beginnings of the names of modules that only those need.
const MODULES_LEFT_OUT: [&str; 5] = ["_tkinter.", "_test", "_ctypes_test.", "_xxtest", "xxlimited"];

pub(super) fn collect(root: &mut Root, template: &Template) -> Result<(), ImageError> {
    // The template's own link comes with the template; where it leads stays where it is.
    let executable = std::fs::read_link(template.root.join("bin/python")).unwrap_or_default();
    root.file(&executable);
    let packages = template.packages();
    let version = packages.parent().and_then(Path::file_name).unwrap_or_default();
    for folder in ["lib", "lib64"] {
        root.tree_in_place(&template.base_prefix.join(folder).join(version), &is_wanted)?;
    }
    Ok(())
}

fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_module = name.ends_with(".so") && MODULES_LEFT_OUT.iter().any(|start| name.starts_with(start));
    let builds = name.starts_with("config-") || name.ends_with(".a");
    let is_test = name == "tests" && path.is_dir();
    !is_module && !builds && !is_test && !LEFT_OUT.contains(&name.as_ref())
}
