//! JavaScript and TypeScript: what a cell imports, calls, uses and writes, by the name that stands behind the name.
//!
//! A cell is parsed as Node's inspector runs it: a script in which `await` and `import` are allowed at the top. Code in
//! texts that the cell runs is looked at as well. The caller provides the stack; what a policy makes of it is its own.

mod bindings;
mod effects;
mod fold;
mod names;
mod prescan;
mod seeing;
#[cfg(test)]
mod tests;
mod value;

use crate::places::Places;
use crate::sighting::{Seen, Sighting};
use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_ast_visit::Visit;
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_span::{SourceType, Span};
use seeing::{Inner, Seeing};

/// Code in texts inside code in texts.
const LEVELS_MAX: usize = 4;
/// Bytes of all code in texts.
const INNER_BYTES_MAX: usize = 2 << 20;
/// Code in texts that is looked at, piece by piece.
const INNER_MAX: usize = 2_000;

/// What goes around code that needs to be in an asynchronous function to be parsed as a script.
const BEFORE: &str = "async()=>{";
const AFTER: &str = "\n}";

/// What a text of code is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A cell of JavaScript.
    Cell,
    /// A cell of TypeScript.
    Typed,
    /// The body of a function.
    Body,
}

/// Says everything that is seen in a cell of JavaScript, in the order of the code.
pub(crate) fn look(code: &str) -> Vec<Sighting> {
    look_as(code, Kind::Cell)
}

/// Says everything that is seen in a cell of TypeScript, in the order of the code.
pub(crate) fn look_typed(code: &str) -> Vec<Sighting> {
    look_as(code, Kind::Typed)
}

fn look_as(code: &str, kind: Kind) -> Vec<Sighting> {
    let places = Places::new(code);
    let mut room = Room { bytes: INNER_BYTES_MAX, pieces: INNER_MAX };
    let mut seen = look_into(code, kind, 0, &mut room);
    seen.sort_by_key(|(_, span)| span.start);
    let sighting = |(seen, span): (Seen, Span)| Sighting {
        seen,
        span: places.span(span.start as usize, span.end as usize),
    };
    let mut sightings: Vec<Sighting> = seen.into_iter().map(sighting).collect();
    sightings.dedup();
    sightings
}

/// How much code in texts may still be looked at.
struct Room {
    bytes: usize,
    pieces: usize,
}

fn look_into(code: &str, kind: Kind, level: usize, room: &mut Room) -> Vec<(Seen, Span)> {
    if let Err(deep) = prescan::scan(code) {
        let at = u32::try_from(deep.at).unwrap_or(u32::MAX);
        return vec![(Seen::TooDeep(deep.what.to_owned()), Span::new(at, at.saturating_add(1)))];
    }
    let allocator = Allocator::default();
    let program = match parse(&allocator, code, kind) {
        Ok(program) => program,
        Err(syntax) => return vec![syntax],
    };
    let (mut seen, inner) = walk(&allocator, program.program);
    for (_, span) in &mut seen {
        *span = shifted(*span, program.shift);
    }
    for text in inner {
        let span = shifted(text.span, program.shift);
        seen.extend(look_at_text(&text, span, level, room));
    }
    seen
}

/// Looks at code in a text; all that is seen is at the place of the call that runs it.
fn look_at_text(text: &Inner, span: Span, level: usize, room: &mut Room) -> Vec<(Seen, Span)> {
    if level >= LEVELS_MAX || text.code.len() > room.bytes || room.pieces == 0 {
        return vec![(Seen::Unresolved("code in a text".to_owned()), span)];
    }
    room.bytes -= text.code.len();
    room.pieces -= 1;
    let kind = if text.body { Kind::Body } else { Kind::Cell };
    let seen = look_into(&text.code, kind, level + 1, room);
    seen.into_iter().map(|(seen, _)| (seen, span)).collect()
}

fn walk<'a>(allocator: &'a Allocator, program: Program<'a>) -> (Vec<(Seen, Span)>, Vec<Inner>) {
    let program: &'a Program<'a> = allocator.alloc(program);
    let scoping = SemanticBuilder::new().with_build_nodes(false).build(program).semantic.into_scoping();
    let mut collector = bindings::Collector { scoping: &scoping, bindings: bindings::Bindings::default() };
    collector.visit_program(program);
    let bindings = collector.bindings;
    let mut seeing = Seeing::new(fold::Folder::new(scoping, bindings));
    seeing.visit_program(program);
    seeing.tell_patterns();
    (seeing.seen, seeing.inner)
}

/// Code that was parsed.
struct Parsed<'a> {
    program: Program<'a>,
    /// Bytes in front of the code that are not the code's.
    shift: u32,
}

fn shifted(span: Span, shift: u32) -> Span {
    Span::new(span.start.saturating_sub(shift), span.end.saturating_sub(shift))
}

/// Tries the ways in which a cell may be meant, the likeliest first.
fn parse<'a>(allocator: &'a Allocator, code: &'a str, meant: Kind) -> Result<Parsed<'a>, (Seen, Span)> {
    let mut first = None;
    if meant == Kind::Cell {
        match attempt(allocator, code, SourceType::script()) {
            Ok(program) => return Ok(Parsed { program, shift: 0 }),
            Err(error) => first = Some(error),
        }
    }
    if meant == Kind::Body || meant == Kind::Cell && code.contains("await") {
        let wrapped: &'a str = allocator.alloc_str(&format!("{BEFORE}{code}{AFTER}"));
        if let Ok(program) = attempt(allocator, wrapped, SourceType::script())
            && stays_inside(&program)
        {
            let shift = u32::try_from(BEFORE.len()).unwrap_or(0);
            return Ok(Parsed { program, shift });
        }
    }
    let module = meant != Kind::Typed && (code.contains("import") || code.contains("export"));
    let script = (!module).then(SourceType::ts);
    let modules = module.then(|| [SourceType::mjs(), SourceType::ts()]);
    for kind in modules.into_iter().flatten().chain(script) {
        match attempt(allocator, code, kind) {
            Ok(_) if has_html_comment(code) => {
                let message = "<!-- and --> begin comments in a cell, not in a module or in TypeScript";
                return Err((Seen::Syntax(message.to_owned()), Span::new(0, 0)));
            }
            Ok(program) => return Ok(Parsed { program, shift: 0 }),
            Err(error) if module && kind.is_javascript() => first = Some(error),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let (message, span) = first.unwrap_or_default();
    Err((Seen::Syntax(message), span))
}

/// True if the code did not close the function around it.
fn stays_inside(program: &Program) -> bool {
    program.directives.is_empty() && program.body.len() == 1 && {
        let statement = oxc_span::GetSpan::span(&program.body[0]);
        statement.start == 0 && statement.end as usize == program.source_text.len()
    }
}

/// In a module these signs are operators, in a cell they begin a comment.
fn has_html_comment(code: &str) -> bool {
    code.contains("<!--") || code.contains("-->")
}

fn attempt<'a>(
    allocator: &'a Allocator,
    code: &'a str,
    kind: SourceType,
) -> Result<Program<'a>, (String, Span)> {
    let parsed = Parser::new(allocator, code, kind).parse();
    let Some(error) = parsed.diagnostics.errors().next() else { return Ok(parsed.program) };
    let label = error.labels.iter().next();
    let start = label.map_or(0, |label| label.offset());
    let bytes = label.map_or(1, |label| label.len());
    Err((error.message.to_string(), Span::new(start, start.saturating_add(bytes))))
}
