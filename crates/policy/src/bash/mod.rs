//! Bash: which commands a cell runs and what it writes, once quotes, wrappers, aliases and known variables are gone.
//!
//! Only kinds of nodes that are known here pass; code that does not parse fails closed. Code in texts that the cell
//! runs (`eval`, `bash -c`, traps, here-documents for a shell) is looked at as well. The caller provides the stack.

mod commands;
mod scan;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use crate::places::Places;
use crate::sighting::{Seen, Sighting};
use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;
use tree_sitter::{Language, ParseOptions, ParseState, Parser, Tree};
use walk::Walk;

/// Nodes inside each other.
const DEPTH_MAX: usize = 1_200;
/// Code in texts inside code in texts.
const LEVELS_MAX: usize = 4;
/// Bytes of all code in texts.
const INNER_BYTES_MAX: usize = 256 << 10;
/// Texts with code that are looked at.
const INNER_MAX: usize = 500;

/// Kinds of nodes that the walk knows.
#[rustfmt::skip]
const KINDS: [&str; 59] = [
    "ansi_c_string", "arithmetic_expansion", "array", "binary_expression", "brace_expression", "c_style_for_statement",
    "case_item", "case_statement", "command", "command_name", "command_substitution", "comment", "compound_statement",
    "concatenation", "declaration_command", "do_group", "elif_clause", "else_clause", "expansion", "extglob_pattern",
    "file_descriptor", "file_redirect", "for_statement", "function_definition", "heredoc_body", "heredoc_content",
    "heredoc_end", "heredoc_redirect", "heredoc_start", "herestring_redirect", "if_statement", "list",
    "negated_command", "number", "parenthesized_expression", "pipeline", "postfix_expression", "process_substitution",
    "program", "raw_string", "redirected_statement", "regex", "simple_expansion", "special_variable_name", "string",
    "string_content", "subscript", "subshell", "ternary_expression", "test_command", "test_operator",
    "translated_string", "unary_expression", "unset_command", "variable_assignment", "variable_assignments",
    "variable_name", "while_statement", "word",
];

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| tree_sitter_bash::LANGUAGE.into());

/// By the number of a kind of node: whether the walk knows it. What has no name is a sign or a keyword.
static KNOWN: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let known = |id: u16| {
        !LANGUAGE.node_kind_is_named(id)
            || LANGUAGE.node_kind_for_id(id).is_some_and(|kind| KINDS.contains(&kind))
    };
    (0..u16::try_from(LANGUAGE.node_kind_count()).unwrap_or(u16::MAX)).map(known).collect()
});

/// Something seen in a range of bytes.
pub(super) type Found = (Seen, Range<usize>);

/// How much code in texts may still be looked at.
pub(super) struct Room {
    bytes: usize,
    pieces: usize,
}

/// Says everything that is seen in a cell, in the order of the code.
pub(crate) fn look(code: &str) -> Vec<Sighting> {
    let places = Places::new(code);
    let mut room = Room { bytes: INNER_BYTES_MAX, pieces: INNER_MAX };
    let mut found = look_into(code, 0, &mut room);
    found.sort_by_key(|(_, range)| range.start);
    let sighting = |(seen, range): Found| Sighting { seen, span: places.span(range.start, range.end) };
    let mut sightings: Vec<Sighting> = found.into_iter().map(sighting).collect();
    sightings.dedup();
    sightings
}

fn look_into(code: &str, level: usize, room: &mut Room) -> Vec<Found> {
    if let Err((at, what)) = scan::scan(code) {
        return vec![(Seen::TooDeep(what.to_owned()), at..at + 1)];
    }
    let tree = match parse(code) {
        Ok(tree) => tree,
        Err(found) => return vec![found],
    };
    if let Err(found) = known(&tree) {
        return vec![found];
    }
    let mut walk = Walk::new(code);
    walk.bind(&tree);
    walk.node(tree.root_node());
    let mut seen = walk.found;
    for (code, range) in walk.inner {
        if level >= LEVELS_MAX || code.len() > room.bytes || room.pieces == 0 {
            seen.push((Seen::Unresolved("code in a text".to_owned()), range));
            continue;
        }
        room.bytes -= code.len();
        room.pieces -= 1;
        let inner = look_into(&code, level + 1, room);
        seen.extend(inner.into_iter().map(|(what, _)| (what, range.clone())));
    }
    seen
}

/// Parses to the first error: what the parser would make of the rest does not matter, and can take long.
fn parse(code: &str) -> Result<Tree, Found> {
    let bytes = code.as_bytes();
    let wrong = |at: usize| {
        let at = at.min(bytes.len());
        (Seen::Syntax("this is not Bash as far as this check knows it".to_owned()), at..at + 1)
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(wrong(at));
    }
    let mut parser = Parser::new();
    parser.set_language(&LANGUAGE).map_err(|_| wrong(0))?;
    let mut stopped = 0;
    let mut progress = |state: &ParseState| {
        stopped = state.current_byte_offset();
        if state.has_error() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    tree.ok_or_else(|| wrong(stopped))
}

/// Looks at every node without recursion: errors, kinds that are not known, depth.
fn known(tree: &Tree) -> Result<(), Found> {
    let mut cursor = tree.walk();
    let mut depth = 0;
    loop {
        let node = cursor.node();
        let range = node.byte_range();
        if node.is_error() || node.is_missing() {
            return Err((Seen::Syntax("this is not Bash as far as this check knows it".to_owned()), range));
        }
        if !KNOWN.get(usize::from(node.kind_id())).copied().unwrap_or(false) {
            return Err((Seen::Unknown(node.kind().to_owned()), range));
        }
        if depth > DEPTH_MAX {
            return Err((Seen::TooDeep("commands inside each other".to_owned()), range));
        }
        if cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return Ok(());
            }
            depth -= 1;
        }
    }
}
