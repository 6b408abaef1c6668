//! The front end for Python: cells as the driver runs them, which is as IPython takes them apart.

mod call;
mod cell;
mod expression;
mod magic;
mod names;
mod scan;
mod scope;
mod statement;
mod text;
mod value;
mod walk;

use crate::places::Places;
use crate::sighting::{Seen, Sighting};
use cell::Cell;
use magic::Body;
use protocol::Span;
use ruff_python_ast::Mod;
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::{Ranged, TextRange};
use std::panic::catch_unwind;
use walk::Source;

/// `%%time` in `%%capture` in `%%time` is followed so far.
const CELLS_MAX: u32 = 8;

/// What is seen in a cell of Python.
pub(crate) fn look(code: &str) -> Vec<Sighting> {
    let places = Places::new(code);
    let mut seen = Vec::new();
    look_at_cell(&Cell::new(code), &places, CELLS_MAX, &mut seen);
    seen
}

fn look_at_cell(cell: &Cell, places: &Places, depth: u32, seen: &mut Vec<Sighting>) {
    let cell = cell.unwrapped();
    let Some(magic) = cell.magic() else {
        seen.extend(look_at_python(&cell, places));
        return;
    };
    let whole = places.span(magic.line.origin(0), magic.line.origin(magic.line.text.len()));
    let mut tell = |what| seen.push(Sighting { seen: what, span: whole });
    match magic::cell_magic(&magic.name, &magic.line.text) {
        _ if depth == 0 => tell(Seen::TooDeep("cell magics in cell magics".into())),
        Body::Python => {
            // `%%timeit` runs the first line too, as its setup; others have options there.
            let setup =
                if magic.name == "timeit" { format!("%timeit {}", magic.line.text) } else { String::new() };
            seen.extend(look_at_line(&setup, whole));
            look_at_cell(&magic.body, places, depth - 1, seen);
        }
        Body::Cell => look_at_cell(&magic.body, places, depth - 1, seen),
        Body::Shell => {
            tell(Seen::Shell(Some(magic.body.text.to_string())));
            let first = places.span(magic.body.origin(0), magic.body.origin(0)).line;
            let mut inner = crate::check::commands(crate::bash::look(&magic.body.text));
            for sighting in &mut inner {
                sighting.span.line += first - 1;
                sighting.span.end_line += first - 1;
            }
            seen.extend(inner);
        }
        Body::Shown => {}
        Body::Write => tell(Seen::Write(magic::file_of(&magic.line.text))),
        Body::Unknown => tell(Seen::Unknown(format!("the magic %%{}", magic.name))),
    }
}

/// What a line magic is seen to do, all at the place of the line that it was made from.
fn look_at_line(line: &str, span: Span) -> Vec<Sighting> {
    let mut seen = look_at_python(&Cell::new(line), &Places::new(line));
    seen.iter_mut().for_each(|sighting| sighting.span = span);
    seen
}

fn look_at_python(cell: &Cell, places: &Places) -> Vec<Sighting> {
    let whole = places.span(cell.origin(0), cell.origin(cell.text.len()));
    let mut seen = Vec::new();
    let is_magic = magic::without_percent(&cell.text);
    if is_magic {
        seen = look_at_line(&format!("%{}", cell.text.trim()), whole);
    }
    let place = |range: TextRange| {
        places.span(cell.origin(range.start().to_usize()), cell.origin(range.end().to_usize()))
    };
    let parsed = match parse(&cell.text, Mode::Ipython) {
        Ok(parsed) => parsed,
        Err(Refused::TooDeep(what, range)) => {
            return vec![Sighting { seen: Seen::TooDeep(what), span: place(range) }];
        }
        Err(Refused::Broken) => {
            seen.push(Sighting { seen: Seen::Syntax("it cannot be taken apart".into()), span: whole });
            return seen;
        }
    };
    // What is no Python is the magic only; what is both may be either.
    let error = parsed.errors().first().filter(|_| !is_magic);
    let error = error
        .map(|error| Sighting { seen: Seen::Syntax(error.error.to_string()), span: place(error.range()) });
    seen.extend(walk::walk(&parsed, Source::of_cell(cell), places));
    seen.extend(error);
    seen
}

/// Why there is no tree.
#[derive(Debug)]
enum Refused {
    TooDeep(String, TextRange),
    /// The parser broke down, as it does on some code that is wrong and has lines for IPython.
    Broken,
}

/// Parses code that is not too deep; the tree of code that has errors is there as far as it goes.
fn parse(code: &str, mode: Mode) -> Result<Parsed<Mod>, Refused> {
    let mode = scan::mode_for(code, mode).map_err(|(what, range)| Refused::TooDeep(what, range))?;
    catch_unwind(|| parse_unchecked(code, ParseOptions::from(mode))).map_err(|_| Refused::Broken)
}
