//! The visitor: what it knows while it goes through a cell, and how a sighting is made.
//!
//! The rule that everything rests on: a name that a policy may speak of is told where it is *mentioned*, whatever is
//! done with it then. Values are followed only to learn which name stands behind another.

use super::Refused;
use super::cell::Cell;
use super::names;
use super::scope::Scopes;
use super::value::{Value, Values};
use crate::places::Places;
use crate::sighting::{Seen, Sighting};
use protocol::Span;
use ruff_python_ast::name::Name;
use ruff_python_ast::{Expr, Mod};
use ruff_python_parser::{Mode, Parsed};
use ruff_text_size::{Ranged, TextRange};
use std::collections::HashSet;
use std::rc::Rc;

/// Code in strings in code in strings is followed so far.
const NESTED_MAX: u32 = 4;
/// More code in strings than this is not read. Bytes.
const NESTED_BYTES_MAX: usize = 128 << 10;
/// Names of names of names: rounds until nothing new is learned.
const ROUNDS_MAX: u32 = 6;

/// Goes through code and tells what it sees.
pub(super) struct Walk<'a> {
    places: &'a Places<'a>,
    pub(super) source: Source<'a>,
    pub(super) scopes: Scopes,
    /// Modules that were imported, under their real names.
    pub(super) modules: HashSet<Rc<str>>,
    seen: Vec<Sighting>,
    pub(super) branches: u32,
    nested: u32,
    nested_bytes: usize,
}

/// The text that is being walked.
#[derive(Clone)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    place: Place<'a>,
    /// Tells apart scopes that begin at the same byte of different texts.
    key: u64,
    /// In a query of pandas only names with `@` are names of Python.
    pub(super) is_query: bool,
}

#[derive(Clone)]
enum Place<'a> {
    /// Bytes of the text are bytes of the cell.
    Mapped(&'a Cell<'a>),
    /// The text is a string somewhere in the cell.
    Fixed(TextRange, Span),
}

impl<'a> Source<'a> {
    pub(super) fn of_cell(cell: &'a Cell<'a>) -> Source<'a> {
        Source { text: &cell.text, place: Place::Mapped(cell), key: 0, is_query: false }
    }
}

/// Goes through a parsed cell until nothing new is learned, and gives what was seen in the last round.
pub(super) fn walk<'a>(parsed: &Parsed<Mod>, source: Source<'a>, places: &'a Places<'a>) -> Vec<Sighting> {
    let mut walk = Walk {
        places,
        source,
        scopes: Scopes::new(),
        modules: HashSet::new(),
        seen: Vec::new(),
        branches: 0,
        nested: 0,
        nested_bytes: 0,
    };
    for round in 0..ROUNDS_MAX {
        walk.seen.clear();
        walk.nested_bytes = 0;
        walk.scopes.grew = false;
        walk.scopes.round = round;
        walk.module(parsed.syntax());
        if !walk.scopes.grew && round > 0 {
            break;
        }
    }
    if walk.scopes.grew || walk.scopes.tangled {
        walk.tell(
            TextRange::default(),
            Seen::Unresolved("names stand for too many things to be followed".into()),
        );
    }
    walk.seen
}

impl<'a> Walk<'a> {
    fn module(&mut self, module: &Mod) {
        match module {
            Mod::Module(module) => self.body(&module.body),
            Mod::Expression(expression) => self.hand_on(&expression.body),
        }
    }

    pub(super) fn tell(&mut self, range: TextRange, seen: Seen) {
        let span = self.span(range);
        self.seen.push(Sighting { seen, span });
    }

    pub(super) fn tell_all(&mut self, sightings: Vec<Sighting>) {
        self.seen.extend(sightings);
    }

    pub(super) fn span(&self, range: TextRange) -> Span {
        match &self.source.place {
            Place::Fixed(_, span) => *span,
            Place::Mapped(cell) => {
                let (start, end) = (range.start().to_usize(), range.end().to_usize());
                self.places.span(cell.origin(start), cell.origin(end))
            }
        }
    }

    /// The byte of the cell that decides what comes first.
    pub(super) fn position(&self, range: TextRange) -> usize {
        match &self.source.place {
            Place::Fixed(outer, _) => outer.start().to_usize(),
            Place::Mapped(_) => range.start().to_usize(),
        }
    }

    /// What names the scope that begins here.
    pub(super) fn place_of_scope(&self, range: TextRange) -> (u64, usize) {
        (self.source.key, range.start().to_usize())
    }

    /// From which byte on a name that is bound here is surely bound.
    pub(super) fn surely(&self, end: ruff_text_size::TextSize) -> Option<usize> {
        let is_cell = matches!(self.source.place, Place::Mapped(_));
        (self.branches == 0 && is_cell).then(|| end.to_usize())
    }

    /// Visits code that may not run, or more than once.
    pub(super) fn perhaps(&mut self, visit: impl FnOnce(&mut Self)) {
        self.branches += 1;
        visit(self);
        self.branches -= 1;
    }

    /// What a name stands for.
    pub(super) fn name(&mut self, name: &Name, range: TextRange) -> Values {
        if self.source.is_query && !self.source.text[..range.start().to_usize()].ends_with('\u{1}') {
            return Values::open();
        }
        let (mut values, is_free) = self.scopes.find(name, self.position(range));
        if !is_free {
            return values;
        }
        match name.as_str() {
            "__builtins__" => {
                self.tell(range, Seen::Import("builtins".into()));
                values.join(Values::path("builtins"));
            }
            name if names::is_builtin(name) => {
                values.join(Values::path(name));
            }
            _ => values.open = true,
        }
        for star in &self.scopes.stars {
            values.join(Values::path(format!("{star}.{name}")));
        }
        values
    }

    /// Visits an expression whose value goes where it is not followed.
    pub(super) fn hand_on(&mut self, expression: &Expr) {
        let values = self.expression(expression);
        self.hand_on_values(&values, expression.range());
    }

    /// Tells the names among values that go where they are not followed.
    pub(super) fn hand_on_values(&mut self, values: &Values, range: TextRange) {
        for value in &values.known {
            match value {
                Value::Path(path) => self.mention(path, range),
                Value::Items(items) => items.iter().for_each(|values| self.hand_on_values(values, range)),
                Value::Table(items) => {
                    items.iter().for_each(|(_, values)| self.hand_on_values(values, range))
                }
                Value::Gives(values) => self.hand_on_values(values, range),
                Value::Members(module) => {
                    let whose = if module.is_empty() { "sys" } else { module };
                    self.tell(range, Seen::Unresolved(format!("all names of {whose} are handed on")));
                }
                Value::Globals => {
                    self.tell(range, Seen::Unresolved("all names of the cell are handed on".into()))
                }
                Value::Method(of, _) => self.hand_on_values(&Value::clone(of).into(), range),
                Value::Text(_) | Value::Number(_) | Value::Getter(_) | Value::Caller(_) | Value::File(_) => {}
            }
        }
    }

    /// Tells that a name is used without being called.
    pub(super) fn mention(&mut self, path: &str, range: TextRange) {
        self.tell(range, Seen::Use(path.to_owned()));
        if names::is_getattr(path)
            || path.starts_with("operator.attrgetter")
            || path.starts_with("operator.methodcaller")
        {
            self.tell(
                range,
                Seen::Unresolved(format!("{path} is handed on, and the names it is given cannot be seen")),
            );
        } else if names::is_import(path) && path != "__import__" {
            self.tell(
                range,
                Seen::Unresolved(format!("{path} is handed on, and what it imports cannot be seen")),
            );
        }
    }

    /// Reads code that a string holds, as deep as it is worth it; its places are the string's.
    pub(super) fn nested(&mut self, text: &str, range: TextRange, mode: Mode, is_query: bool) {
        self.nested_bytes += text.len();
        if self.nested >= NESTED_MAX || self.nested_bytes > NESTED_BYTES_MAX {
            self.tell(range, Seen::Unresolved("code in strings, nested too deeply to be followed".into()));
            return;
        }
        // The mark keeps its place; the statement in front spares it from being taken for indentation.
        let text = if is_query { format!("0;{}", text.replace('@', "\u{1}")) } else { text.to_owned() };
        match super::parse(&text.replace('\u{1}', " "), mode) {
            Ok(parsed) if parsed.errors().is_empty() => {
                self.walk_nested(&Nested { text: &text, parsed: &parsed, range, is_query });
            }
            Err(Refused::TooDeep(what, _)) => self.tell(range, Seen::TooDeep(what)),
            _ if is_query => {}
            _ => self.tell(range, Seen::Unresolved("code in a string that does not parse".into())),
        }
    }

    fn walk_nested(&mut self, inner: &Nested) {
        let span = self.span(inner.range);
        let outer = match &self.source.place {
            Place::Fixed(range, _) => *range,
            Place::Mapped(_) => inner.range,
        };
        let key =
            self.source.key.wrapping_mul(1 << 20).wrapping_add(u64::from(inner.range.start().to_u32()) + 1);
        let mut walk = Walk {
            places: self.places,
            source: Source {
                text: inner.text,
                place: Place::Fixed(outer, span),
                key,
                is_query: inner.is_query,
            },
            scopes: std::mem::replace(&mut self.scopes, Scopes::new()),
            modules: std::mem::take(&mut self.modules),
            seen: std::mem::take(&mut self.seen),
            branches: self.branches + 1,
            nested: self.nested + 1,
            nested_bytes: self.nested_bytes,
        };
        walk.module(inner.parsed.syntax());
        self.scopes = walk.scopes;
        self.modules = walk.modules;
        self.seen = walk.seen;
        self.nested_bytes = walk.nested_bytes;
    }
}

/// Code in a string, parsed.
struct Nested<'n> {
    text: &'n str,
    parsed: &'n Parsed<Mod>,
    range: TextRange,
    is_query: bool,
}
