//! Parts of a document that are generated, between marks; all else in it is written by hand and stays.

use anyhow::{Context, Result};
use std::path::Path;

fn marks(name: &str) -> (String, String) {
    (format!("<!-- {name}: generated -->"), format!("<!-- {name}: end -->"))
}

/// The generated part of this name.
pub fn find<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (begin, end) = marks(name);
    let (_, rest) = text.split_once(&begin)?;
    Some(rest.split_once(&end)?.0)
}

/// The document with another part of this name; none if it has no such marks.
pub fn replace(text: &str, name: &str, part: &str) -> Option<String> {
    let (begin, end) = marks(name);
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", part.trim()))
}

/// Replaces the part of this name in a file.
pub fn write(path: &Path, name: &str, part: &str) -> Result<()> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("read {shown}"))?;
    let new = replace(&text, name, part)
        .with_context(|| format!("find `{}` and its end in {shown}", marks(name).0))?;
    std::fs::write(path, new).with_context(|| format!("write {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Head\n\n<!-- a: generated -->\nold\n<!-- a: end -->\nby hand\n";

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let new = replace(TEXT, "a", "new\n").unwrap();
        assert_eq!(new, "# Head\n\n<!-- a: generated -->\n\nnew\n\n<!-- a: end -->\nby hand\n");
        assert_eq!(replace(&new, "a", "new").unwrap(), new);
        assert_eq!(find(&new, "a"), Some("\n\nnew\n\n"));
    }

    #[test]
    fn marks_that_are_not_there_are_noticed() {
        assert_eq!((find(TEXT, "b"), replace(TEXT, "b", "")), (None, None));
        assert_eq!(replace("<!-- a: end --><!-- a: generated -->", "a", ""), None);
    }
}
