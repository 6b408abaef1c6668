//! Rows of several walls as a table for the docs: one line for each thing measured, one column for each wall.

use measure::{Row, Side, quantile};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The part of the page that holds it.
pub const MARK: &str = "figures";

/// How it was made, the table, and what was left out.
pub fn render(rows: &[Row], host: &BTreeMap<&str, String>, left_out: &[String]) -> String {
    let mut walls: Vec<&str> = rows.iter().map(wall).collect();
    walls.dedup();
    // The wall with the most rows gives their order.
    let mut fullest = walls.clone();
    fullest.sort_by_key(|name| std::cmp::Reverse(rows.iter().filter(|row| wall(row) == *name).count()));
    let mut names: Vec<&str> = Vec::new();
    for row in fullest.iter().flat_map(|name| rows.iter().filter(move |row| wall(row) == *name)) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let mut text = made(host);
    let _ = writeln!(text, "| p50 / p99 (samples) | {} |", walls.join(" | "));
    let _ = writeln!(text, "|---|{}", "--:|".repeat(walls.len()));
    for name in names {
        let of = |column: &&str| rows.iter().find(|row| row.name == name && wall(row) == *column);
        let found: Vec<Option<&Row>> = walls.iter().map(of).collect();
        let unit = found.iter().flatten().next().map_or("", |row| row.unit.as_str());
        line(&mut text, &format!("{name}, {unit}"), &found, ours);
        if found.iter().flatten().any(|row| row.ratio().is_some()) {
            line(&mut text, "… of plain containers", &found, peers);
        }
    }
    for line in left_out {
        let _ = writeln!(text, "\nNot measured: {line}.");
    }
    text
}

fn wall(row: &Row) -> &str {
    row.wall.as_deref().unwrap_or_default()
}

fn made(host: &BTreeMap<&str, String>) -> String {
    let of = |name: &str| host.get(name).map_or("unknown", String::as_str);
    format!(
        "Made by `cargo xtask bench walls` at {} on {} processors ({}), {} of memory, Linux {};\nload average {} before, {} after.\n\n",
        of("commit"),
        of("processors"),
        of("processor"),
        of("memory"),
        of("kernel"),
        of("load before"),
        of("load after"),
    )
}

fn line(text: &mut String, name: &str, rows: &[Option<&Row>], cell: fn(&Row) -> String) {
    let cells: Vec<String> = rows.iter().map(|row| row.map_or_else(String::new, cell)).collect();
    let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
}

fn ours(row: &Row) -> String {
    match &row.failed {
        Some(why) => format!("failed: {}", why.replace(['|', '\n'], " ")),
        None => side(&row.ours),
    }
}

fn peers(row: &Row) -> String {
    match (&row.peer, row.ratio()) {
        (Some(peer), Some(ratio)) if ratio < 0.001 => format!("< 0.001 of {}", side(&peer.side)),
        (Some(peer), Some(ratio)) => format!("{ratio:.3} of {}", side(&peer.side)),
        _ => String::new(),
    }
}

fn side(side: &Side) -> String {
    let [p50, p99] = [0.5, 0.99].map(|share| short(quantile(&side.samples, share)));
    let failed = if side.failures == 0 { String::new() } else { format!(", {} failed", side.failures) };
    format!("{p50} / {p99} ({}{failed})", side.samples.len())
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walls_are_columns_and_peers_lines_of_their_own() {
        let rows = [
            r#"{"wall":"native","name":"create","unit":"ms","ours":[1,2,3],"peer":{"name":"docker run","samples":[400]}}"#,
            r#"{"wall":"native","name":"idle","unit":"MiB","ours":[6]}"#,
            r#"{"wall":"oci+runc","name":"create","unit":"ms","ours":{"samples":[100],"failures":2,"why":"slow"},"peer":null}"#,
            r#"{"wall":"oci+runc","name":"shim","unit":"MiB","ours":[5]}"#,
            r#"{"wall":"oci+runc","name":"idle","unit":"MiB","failed":"a | b"}"#,
        ];
        let rows: Vec<Row> = rows.iter().map(|line| Row::from_json(line).unwrap()).collect();
        let host = BTreeMap::from([("load before", "0.1".to_owned())]);
        let text = render(&rows, &host, &["oci+runsc: none".to_owned()]);
        let (made, table) = text.split_once("\n\n").unwrap();
        assert!(made.contains("load average 0.1 before, unknown after"), "{made}");
        let expected = "\
| p50 / p99 (samples) | native | oci+runc |
|---|--:|--:|
| create, ms | 2.00 / 3.00 (3) | 100 / 100 (1, 2 failed) |
| … of plain containers | 0.005 of 400 / 400 (1) |  |
| shim, MiB |  | 5.00 / 5.00 (1) |
| idle, MiB | 6.00 / 6.00 (1) | failed: a   b |

Not measured: oci+runsc: none.
";
        assert_eq!(table, expected);
    }
}
