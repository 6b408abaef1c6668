//! Aligned columns for `doctor` and `template list`.

use super::terminal::Filter;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Width on a terminal: colour sequences take none, wide characters two.
fn width(text: &str) -> usize {
    Filter::new(false).pass(text).width()
}

/// Rows in columns as wide as their widest cell, two spaces apart; the last column is left as it is.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = if column + 1 == row.len() { 0 } else { widest[column] + 2 - width(cell) };
            let _ = write!(line, "{cell}{:pad$}", "");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
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
    }
}
