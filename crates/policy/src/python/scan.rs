//! Finds out, token by token and without recursion, whether code is too deep to be parsed.
//!
//! A parser, a visitor and the drop of a syntax tree all recurse. How deep they go is bounded here by what can nest:
//! brackets, indentation, and operators that chain (`not not x`, `a + a + a`, `f()()()`, `lambda: lambda: x`).

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};
use ruff_text_size::TextRange;

/// Python itself refuses more than 200 open brackets and 100 levels of indentation.
const BRACKETS_MAX: usize = 200;
const INDENTS_MAX: usize = 100;
/// Operators on the way from a statement to its innermost expression. Each may be a level of the tree.
const CHAIN_MAX: u32 = 2_000;

/// In which mode code is parsed; what is too deep, and where, if it must not be parsed.
///
/// Code without a line for IPython is parsed as plain Python: there the parser has no way to take a line of broken code
/// for one, which it cannot do everywhere.
pub(super) fn mode_for(code: &str, mode: Mode) -> Result<Mode, (String, TextRange)> {
    let mut scan = Scan { open: vec![Level::default()], indents: 0, total: 0 };
    let mut lexer = lexer::lex(code, mode);
    let mut is_plain = true;
    loop {
        let token = lexer.next_token();
        if token == TokenKind::EndOfFile {
            return Ok(if is_plain { Mode::Module } else { mode });
        }
        is_plain &= !matches!(token, TokenKind::IpyEscapeCommand | TokenKind::Question);
        if let Some(what) = scan.take(token) {
            return Err((what, lexer.current_range()));
        }
    }
}

struct Scan {
    /// One for the statement and one for each open bracket.
    open: Vec<Level>,
    indents: usize,
    /// All that the open levels hold.
    total: u32,
}

#[derive(Default)]
struct Level {
    /// Operators since the last comma or semicolon.
    chain: u32,
    /// What goes on behind a comma: `lambda a, b: lambda a, b: x`, and headings that follow each other in one line.
    lasting: u32,
}

impl Scan {
    fn take(&mut self, token: TokenKind) -> Option<String> {
        match token {
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                // The bracket itself is a link of the chain around it: f()()() and a[0][0][0].
                self.link(1, 0);
                self.open.push(Level::default());
                if self.open.len() - 1 > BRACKETS_MAX {
                    return Some(format!("more than {BRACKETS_MAX} brackets are open here"));
                }
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                if self.open.len() > 1 {
                    let closed = self.open.pop().expect("it was just counted");
                    self.total -= closed.chain + closed.lasting;
                }
            }
            TokenKind::Comma | TokenKind::Semi => {
                let level = self.open.last_mut().expect("there is always the statement's");
                self.total -= std::mem::take(&mut level.chain);
            }
            TokenKind::Newline => {
                self.open.truncate(1);
                self.open[0] = Level::default();
                self.total = 0;
            }
            TokenKind::Indent => {
                self.indents += 1;
                if self.indents > INDENTS_MAX {
                    return Some(format!("more than {INDENTS_MAX} levels of indentation"));
                }
            }
            TokenKind::Dedent => self.indents = self.indents.saturating_sub(1),
            token if goes_on(token) => self.link(0, 1),
            token if chains(token) => self.link(1, 0),
            _ => {}
        }
        let too_long = self.total > CHAIN_MAX;
        too_long.then(|| format!("more than {CHAIN_MAX} operators, calls or attributes are chained here"))
    }

    fn link(&mut self, chain: u32, lasting: u32) {
        let level = self.open.last_mut().expect("there is always the statement's");
        level.chain += chain;
        level.lasting += lasting;
        self.total += chain + lasting;
    }
}

fn chains(token: TokenKind) -> bool {
    use TokenKind::{
        Amper, At, Await, CircumFlex, ColonEqual, Dot, DoubleSlash, DoubleStar, Else, Equal, From, If,
        LeftShift, Minus, Not, Percent, Plus, RightShift, Slash, Star, Tilde, Vbar, Yield,
    };
    matches!(
        token,
        Amper
            | At
            | Await
            | CircumFlex
            | ColonEqual
            | Dot
            | DoubleSlash
            | DoubleStar
            | Else
            | Equal
            | From
            | If
            | LeftShift
            | Minus
            | Not
            | Percent
            | Plus
            | RightShift
            | Slash
            | Star
            | Tilde
            | Vbar
            | Yield
    )
}

fn goes_on(token: TokenKind) -> bool {
    use TokenKind::{Async, Case, Class, Def, Elif, Except, Finally, For, Lambda, Match, Try, While, With};
    matches!(
        token,
        Async | Case | Class | Def | Elif | Except | Finally | For | Lambda | Match | Try | While | With
    )
}
