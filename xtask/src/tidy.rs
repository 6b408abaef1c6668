//! `cargo xtask tidy`: the house rules as a check. One rule, one file, one unit test.
//!
//! What the compiler, rustfmt and clippy check already is left to them.

mod attacks;
mod heads;
mod layers;
mod names;
mod sizes;
mod tables;
mod words;

use crate::command::repository;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// One file of the repository.
pub struct File {
    /// From the repository's top directory, with `/`.
    pub path: String,
    /// Its text; empty for pictures and the like.
    pub text: String,
    /// The parsed text of a `.rs` file.
    pub syntax: Option<syn::File>,
}

/// One broken rule.
#[derive(Debug)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl File {
    /// A file from memory. A `.rs` text that does not parse is an error.
    pub fn new(path: &str, text: &str) -> Result<File> {
        let syntax = match path.ends_with(".rs") {
            true => Some(syn::parse_file(text).with_context(|| format!("parse {path}"))?),
            false => None,
        };
        Ok(File { path: path.to_owned(), text: text.to_owned(), syntax })
    }

    /// Whether a person wrote it as a program.
    pub fn is_source(&self) -> bool {
        [".rs", ".py", ".js", ".sh"].iter().any(|end| self.path.ends_with(end))
    }

    fn problem(&self, line: usize, message: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line, message: message.into() }
    }
}

/// Checks the whole repository; prints every problem.
pub fn run() -> Result<()> {
    let files = files()?;
    let mut problems = Vec::new();
    for rule in [layers::check, attacks::check, tables::check] {
        problems.extend(rule(&files));
    }
    for file in &files {
        for rule in [heads::check, sizes::check, names::check, words::check] {
            problems.extend(rule(file));
        }
    }
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for problem in &problems {
        println!("{}:{}: {}", problem.path, problem.line, problem.message);
    }
    match problems.len() {
        0 => eprintln!("tidy: {} files in order", files.len()),
        count => bail!("tidy: {count} problems in {} files", files.len()),
    }
    Ok(())
}

/// All files of the repository, by path.
pub fn files() -> Result<Vec<File>> {
    let mut files = Vec::new();
    collect(repository(), repository(), &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, top: &Path, files: &mut Vec<File>) -> Result<()> {
    const NOT_OURS: [&str; 6] = ["target", ".git", "out", "__pycache__", ".venv", "node_modules"];
    for entry in folder.read_dir().with_context(|| format!("list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if NOT_OURS.iter().any(|skipped| name == *skipped) || name.to_string_lossy().ends_with(".swp") {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), top, files)?;
        } else if kind.is_file() {
            let path = entry.path();
            let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            let short =
                path.strip_prefix(top).expect("we walked down from there").to_string_lossy().into_owned();
            files.push(File::new(&short, &text)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy_to_read() {
        let files = files().unwrap();
        assert!(files.iter().any(|file| file.path == "xtask/src/tidy.rs" && file.syntax.is_some()));
        assert!(!files.iter().any(|file| file.path.starts_with("target/")));
    }
}
