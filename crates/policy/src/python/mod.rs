//! The front end for Python.

mod scan;

use crate::places::Places;
use crate::sighting::{Seen, Sighting};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;

/// What is seen in a cell of Python.
pub(crate) fn look(code: &str) -> Vec<Sighting> {
    let places = Places::new(code);
    let place = |range: ruff_text_size::TextRange| places.span(range.start().to_usize(), range.end().to_usize());
    if let Some((what, range)) = scan::too_deep(code, Mode::Ipython) {
        return vec![Sighting { seen: Seen::TooDeep(what), span: place(range) }];
    }
    let parsed = parse_unchecked(code, ParseOptions::from(Mode::Ipython));
    let errors = parsed.errors().iter().take(1);
    errors.map(|error| Sighting { seen: Seen::Syntax(error.error.to_string()), span: place(error.range()) }).collect()
}
