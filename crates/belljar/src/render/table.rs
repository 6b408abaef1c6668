//! Aligned columns for lists of the command line and for tables in an answer.

use super::terminal::Filter;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    #[default]
    Left,
    /// In the middle.
    Centre,
    /// At the right.
    Right,
}

/// Width on a terminal: colour sequences take none, wide characters two.
pub fn width(text: &str) -> usize {
    Filter::new(false).pass(text).width()
}

/// Rows in columns as wide as their widest cell, two spaces apart; the last column is left as it is.
pub fn aligned(rows: &[Vec<String>]) -> String {
    columns(rows, &[])
}

/// The same with columns aligned as given; those that are not given are aligned at the left.
pub fn columns(rows: &[Vec<String>], align: &[Align]) -> String {
    let widest = widest(rows);
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let room = widest[column] - width(cell);
            let left = match align.get(column).copied().unwrap_or_default() {
                Align::Left => 0,
                Align::Centre => room / 2,
                Align::Right => room,
            };
            let gap = if column + 1 == row.len() { 0 } else { 2 };
            let _ = write!(line, "{:left$}{cell}{:right$}", "", "", right = room - left + gap);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Width of each column's widest cell.
pub fn widest(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
    };
    (0..columns).map(widest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["a".to_owned(), "\x1b[32mok\x1b[0m".to_owned(), "x".to_owned()],
            vec!["long".to_owned(), "missing".to_owned(), "y".to_owned()],
        ];
        assert_eq!(aligned(&rows), "a     \x1b[32mok\x1b[0m       x\nlong  missing  y\n");
        let right = columns(&rows, &[Align::Right, Align::Centre]);
        assert_eq!(right, "   a    \x1b[32mok\x1b[0m     x\nlong  missing  y\n");
    }
}
