//! What a word of Bash is once quotes, escapes, braces and known variables are gone. What only the running shell
//! knows is a hole in it.

use std::collections::HashMap;
use tree_sitter::Node;

/// Words that one word may become by its braces.
const BRACES_MAX: usize = 64;
/// Bytes of a variable's value that is followed.
const VALUE_BYTES_MAX: usize = 4_096;

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    Text(String),
    /// Several values, or one that only the running shell knows.
    Unknown,
}

/// One word as a command gets it.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    /// Nothing where there is a hole in it.
    pub(super) text: Option<String>,
    /// The text with `$hole` for each hole.
    pub(super) outline: String,
    /// File names are put in its place.
    pub(super) glob: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Character(char, bool),
    Hole,
    /// Where one word ends and the next begins.
    Break,
}

/// Reads words.
pub(super) struct Words<'c> {
    pub(super) code: &'c str,
    pub(super) variables: HashMap<String, Variable>,
}

impl<'c> Words<'c> {
    pub(super) fn source(&self, node: Node) -> &'c str {
        self.code.get(node.byte_range()).unwrap_or_default()
    }

    /// The words that a node becomes.
    pub(super) fn fields(&self, node: Node) -> Vec<Field> {
        let mut pieces = Vec::new();
        self.pieces(node, false, &mut pieces);
        braces(pieces).iter().flat_map(|word| split(word)).collect()
    }

    /// The text of a value, which is neither split nor expanded.
    pub(super) fn value(&self, node: Node) -> Variable {
        let mut pieces = Vec::new();
        self.pieces(node, true, &mut pieces);
        let text: Option<String> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Character(character, _) => Some(*character),
                Piece::Hole | Piece::Break => None,
            })
            .collect();
        match text {
            Some(text) if text.len() <= VALUE_BYTES_MAX => Variable::Text(text),
            _ => Variable::Unknown,
        }
    }

    fn pieces(&self, node: Node, quoted: bool, out: &mut Vec<Piece>) {
        let source = self.source(node);
        match node.kind() {
            "raw_string" => {
                let inner =
                    source.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(source);
                out.extend(inner.chars().map(|character| Piece::Character(character, true)));
            }
            "ansi_c_string" => {
                let inner =
                    source.strip_prefix("$'").and_then(|rest| rest.strip_suffix('\'')).unwrap_or(source);
                out.extend(unescaped(inner).chars().map(|character| Piece::Character(character, true)));
            }
            "string" => self.string(node, out),
            "translated_string" | "command_name" => {
                let mut cursor = node.walk();
                node.named_children(&mut cursor).for_each(|child| self.pieces(child, quoted, out));
            }
            "concatenation" => self.joined(node, quoted, out),
            "simple_expansion" | "expansion" => self.expansion(node, quoted, out),
            "command_substitution" | "process_substitution" | "arithmetic_expansion" | "array" => {
                out.push(Piece::Hole)
            }
            "number" | "subscript" if node.named_child_count() > 0 => out.push(Piece::Hole),
            _ => plain(source, out),
        }
    }

    /// Parts without space between them, and what the parser left out between them.
    fn joined(&self, node: Node, quoted: bool, out: &mut Vec<Piece>) {
        let mut at = node.start_byte();
        let mut cursor = node.walk();
        for child in node.children(&mut cursor) {
            plain(self.code.get(at..child.start_byte()).unwrap_or_default(), out);
            self.pieces(child, quoted, out);
            at = child.end_byte();
        }
    }

    /// A text in double quotes: only expansions are nodes of interest, the rest is read as it stands.
    fn string(&self, node: Node, out: &mut Vec<Piece>) {
        let mut at = node.start_byte() + 1;
        let end = node.end_byte().saturating_sub(1);
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor).filter(|child| child.kind() != "string_content") {
            in_quotes(self.code.get(at..child.start_byte()).unwrap_or_default(), out);
            self.pieces(child, true, out);
            at = child.end_byte();
        }
        in_quotes(self.code.get(at..end).unwrap_or_default(), out);
    }

    /// `$name` and `${name}`; everything else that `${…}` can do is a hole.
    fn expansion(&self, node: Node, quoted: bool, out: &mut Vec<Piece>) {
        let source = self.source(node);
        let name =
            source.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or(source.strip_prefix('$'));
        match name.and_then(|name| self.variables.get(name).map(|known| (name, known))) {
            Some((_, Variable::Text(text))) => {
                let piece = |character: char| match character {
                    ' ' | '\t' | '\n' if !quoted => Piece::Break,
                    // Braces in a value are not expanded.
                    other => Piece::Character(other, quoted || matches!(other, '{' | '}' | ',')),
                };
                out.extend(text.chars().map(piece));
            }
            None if name == Some("IFS") && !quoted => out.push(Piece::Break),
            _ => out.push(Piece::Hole),
        }
    }
}

/// A text outside of quotes.
fn plain(source: &str, out: &mut Vec<Piece>) {
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('\n') | None => {}
                Some(escaped) => out.push(Piece::Character(escaped, true)),
            },
            other => out.push(Piece::Character(other, false)),
        }
    }
}

/// A text inside of double quotes.
fn in_quotes(source: &str, out: &mut Vec<Piece>) {
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\\'
            && let Some(next) = characters.next_if(|next| "$`\"\\\n".contains(*next))
        {
            if next != '\n' {
                out.push(Piece::Character(next, true));
            }
            continue;
        }
        out.push(Piece::Character(character, true));
    }
}

/// The words of `{a,b}`; ranges of numbers stay as they are.
fn braces(word: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut open = vec![word];
    let mut done = Vec::new();
    while let Some(word) = open.pop() {
        let Some((start, commas, end)) = first_brace(&word) else {
            done.push(word);
            continue;
        };
        if open.len() + done.len() + commas.len() > BRACES_MAX {
            return vec![vec![Piece::Hole]];
        }
        let mut edges = vec![start];
        edges.extend(commas);
        edges.push(end);
        for pair in edges.windows(2).rev() {
            let item = &word[pair[0] + 1..pair[1]];
            open.push([&word[..start], item, &word[end + 1..]].concat());
        }
    }
    done
}

/// The first `{` that has a comma and a `}`: their places.
fn first_brace(word: &[Piece]) -> Option<(usize, Vec<usize>, usize)> {
    let mut stack: Vec<(usize, Vec<usize>)> = Vec::new();
    for (index, piece) in word.iter().enumerate() {
        match piece {
            Piece::Character('{', false) => stack.push((index, Vec::new())),
            Piece::Character(',', false) => {
                if let Some(top) = stack.last_mut() {
                    top.1.push(index);
                }
            }
            Piece::Character('}', false) => {
                if let Some((start, commas)) = stack.pop()
                    && !commas.is_empty()
                {
                    return Some((start, commas, index));
                }
            }
            _ => {}
        }
    }
    None
}

fn split(word: &[Piece]) -> Vec<Field> {
    let parts = word.split(|piece| *piece == Piece::Break);
    let many = word.contains(&Piece::Break);
    parts.filter(|part| !many || !part.is_empty()).map(field).collect()
}

fn field(pieces: &[Piece]) -> Field {
    let mut field = Field { text: Some(String::new()), ..Field::default() };
    for piece in pieces {
        match piece {
            Piece::Character(character, quoted) => {
                if let Some(text) = &mut field.text {
                    text.push(*character);
                }
                field.outline.push(*character);
                field.glob |= !quoted && matches!(character, '*' | '?' | '[');
            }
            Piece::Hole | Piece::Break => {
                field.text = None;
                field.outline.push_str("$hole");
            }
        }
    }
    field
}

/// What the escapes of `$'…'` stand for.
fn unescaped(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character != '\\' {
            out.push(character);
            continue;
        }
        let Some(kind) = rest.chars().next() else { break };
        rest = &rest[kind.len_utf8()..];
        let (radix, digits_max) = match kind {
            'x' => (16, 2),
            'u' => (16, 4),
            'U' => (16, 8),
            '0'..='7' => (8, 3),
            _ => (0, 0),
        };
        if radix == 0 {
            out.push(match kind {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'e' | 'E' => '\u{1b}',
                'a' => '\u{7}',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'v' => '\u{b}',
                other => other,
            });
            continue;
        }
        let from = if radix == 8 { &source[source.len() - rest.len() - 1..] } else { rest };
        let digits = from.chars().take(digits_max).take_while(|digit| digit.is_digit(radix)).count();
        let code = u32::from_str_radix(&from[..digits], radix).ok().and_then(char::from_u32);
        out.extend(code);
        rest = &from[digits..];
    }
    out
}
