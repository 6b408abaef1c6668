//! How deep JavaScript nests, told in one pass before any parser sees it: the parser recurses, and a stack that runs
//! out cannot be caught.
//!
//! What the parser can nest is counted at least as deep as it nests it: every bracket, and every word and sign since the
//! expression or statement began. Whether a slash divides or begins a regular expression can stay open; then only
//! code that is too short to hurt is let through. It tells nothing about names: that is the visitor's work.

/// Brackets inside each other.
const BRACKETS_MAX: usize = 200;
/// Words and signs that are pending at once, in all open brackets together.
const PENDING_MAX: usize = 2_000;
/// The depths of all brackets, added up: the parser reads some of what is in a bracket twice on each level.
const DEPTHS_MAX: usize = 1_500_000;
/// Bytes of code in which a slash may be ambiguous: at worst every byte nests.
const AMBIGUOUS_BYTES_MAX: usize = 4_000;

/// Words that go on with the expression or type on their left.
const INFIX: [&str; 13] = [
    "as",
    "catch",
    "else",
    "extends",
    "finally",
    "from",
    "implements",
    "in",
    "instanceof",
    "is",
    "of",
    "satisfies",
    "while",
];
/// Words that need something on their right.
const PREFIX: [&str; 36] = [
    "abstract",
    "as",
    "asserts",
    "async",
    "await",
    "case",
    "class",
    "const",
    "declare",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "implements",
    "import",
    "in",
    "infer",
    "instanceof",
    "is",
    "keyof",
    "let",
    "new",
    "of",
    "readonly",
    "return",
    "satisfies",
    "throw",
    "type",
    "typeof",
    "unique",
    "var",
    "void",
    "yield",
];
/// Words behind which a slash surely begins a regular expression.
const BEFORE_PATTERN: [&str; 14] = [
    "case",
    "default",
    "delete",
    "do",
    "else",
    "extends",
    "in",
    "instanceof",
    "new",
    "return",
    "throw",
    "typeof",
    "void",
    "export",
];
/// Words that may be names as well as operators.
const CONTEXTUAL: [&str; 9] = ["as", "async", "await", "get", "let", "of", "satisfies", "static", "yield"];
/// Words that open a statement in which another statement nests without a bracket.
const NESTING: [&str; 6] = ["do", "else", "for", "if", "while", "with"];

/// Why code is not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deep {
    /// The offset in bytes of what is too deep.
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// What the last token was, as far as the next one depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last<'a> {
    Start,
    Word(&'a str),
    /// A property's name: never a keyword.
    Property,
    /// A number, text, template or pattern.
    Literal,
    /// `)` of a call or a group.
    Group,
    /// `)` behind `if`, `while`, `for` or `with`.
    Head,
    Bracket,
    Brace,
    /// `++` or `--`, or a `!` or `>` that may end a TypeScript expression.
    Open,
    Sign,
    Dot,
}

impl Last<'_> {
    /// True if an expression may end here.
    fn ends(self) -> bool {
        !matches!(self, Last::Start | Last::Sign | Last::Dot)
    }
}

/// What is open inside one bracket.
#[derive(Debug, Clone, Copy)]
struct Frame {
    template: bool,
    /// This bracket is the head of a statement such as `if (…)`.
    head: bool,
    chain: usize,
    nested: usize,
    angles: usize,
}

struct Scan<'a> {
    code: &'a str,
    bytes: &'a [u8],
    at: usize,
    last: Last<'a>,
    /// A line has ended since the last token.
    newline: bool,
    frames: Vec<Frame>,
    pending: usize,
    depths: usize,
    /// Of the line that was looked at last: its end, and the last slash in it.
    line: (usize, usize),
    ambiguous: Option<usize>,
}

/// Looks through the code once; says what nests too deep to be parsed.
pub(super) fn scan(code: &str) -> Result<(), Deep> {
    let frame = Frame { template: false, head: false, chain: 0, nested: 0, angles: 0 };
    let mut scan = Scan {
        code,
        bytes: code.as_bytes(),
        at: 0,
        last: Last::Start,
        newline: true,
        frames: vec![frame],
        pending: 0,
        depths: 0,
        line: (0, 0),
        ambiguous: None,
    };
    if code.starts_with("#!") {
        scan.skip_line();
    }
    while scan.at < scan.bytes.len() {
        scan.token()?;
    }
    match scan.ambiguous {
        Some(at) if code.len() > AMBIGUOUS_BYTES_MAX => {
            Err(Deep { at, what: "a slash that may divide or begin a regular expression, in long code" })
        }
        _ => Ok(()),
    }
}

impl<'a> Scan<'a> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn frame(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Reads one token, or one stretch of white space or comment.
    fn token(&mut self) -> Result<(), Deep> {
        let byte = self.peek(0);
        match byte {
            b'\n' | b'\r' => {
                self.newline = true;
                self.at += 1;
                return Ok(());
            }
            b' ' | b'\t' | 0x0b | 0x0c => {
                self.at += 1;
                return Ok(());
            }
            b'/' if self.peek(1) == b'/' => {
                self.skip_line();
                return Ok(());
            }
            b'/' if self.peek(1) == b'*' => {
                self.skip_block();
                return Ok(());
            }
            b'"' | b'\'' => self.text(byte)?,
            b'`' => self.template(1)?,
            b'0'..=b'9' => self.number()?,
            b'/' => self.slash()?,
            b'(' | b'[' | b'{' => self.open(byte)?,
            b')' | b']' | b'}' => return self.close(byte),
            b',' => self.end_of_item(),
            b';' => self.end_of_statement(),
            byte if byte >= 0x80 && self.blank_char() => return Ok(()),
            byte if byte >= 0x80
                || byte == b'\\'
                || byte == b'_'
                || byte == b'$'
                || byte.is_ascii_alphabetic() =>
            {
                self.word()?;
            }
            _ => self.sign()?,
        }
        self.newline = false;
        Ok(())
    }

    /// Steps over a white space character beyond ASCII.
    fn blank_char(&mut self) -> bool {
        let Some(character) = self.code[self.at..].chars().next() else { return false };
        let blank = character.is_whitespace() || character == '\u{feff}';
        if blank {
            self.newline |= matches!(character, '\u{2028}' | '\u{2029}');
            self.at += character.len_utf8();
        }
        blank
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && !self.at_line_end() {
            self.at += 1;
        }
    }

    fn at_line_end(&self) -> bool {
        match self.peek(0) {
            b'\n' | b'\r' => true,
            0xe2 => self.peek(1) == 0x80 && matches!(self.peek(2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    fn skip_block(&mut self) {
        self.at += 2;
        while self.at < self.bytes.len() && !(self.peek(0) == b'*' && self.peek(1) == b'/') {
            self.newline |= self.at_line_end();
            self.at += 1;
        }
        self.at = (self.at + 2).min(self.bytes.len());
    }

    /// Counts one token that can nest.
    fn count(&mut self) -> Result<(), Deep> {
        self.frame().chain += 1;
        self.pending += 1;
        if self.pending > PENDING_MAX {
            return Err(Deep { at: self.at, what: "a chain of operators" });
        }
        Ok(())
    }

    /// Forgets the chain of the expression that ended.
    fn forget_chain(&mut self) {
        let frame = self.frame();
        let chain = std::mem::take(&mut frame.chain);
        self.pending -= chain;
    }

    /// Forgets what nests in the statement that ended.
    fn forget_nested(&mut self) {
        let frame = self.frame();
        let nested = std::mem::take(&mut frame.nested) + std::mem::take(&mut frame.angles);
        self.pending -= nested;
    }

    fn end_of_item(&mut self) {
        self.forget_chain();
        self.last = Last::Sign;
        self.at += 1;
    }

    /// At `;`; a statement whose next word is `else` goes on.
    fn end_of_statement(&mut self) {
        self.at += 1;
        self.forget_chain();
        if !self.goes_on() {
            self.forget_nested();
        }
        self.last = Last::Sign;
    }

    /// True if the next word belongs to the statement before it.
    fn goes_on(&self) -> bool {
        let mut rest = self.bytes[self.at..].iter();
        let word: Vec<u8> = rest
            .by_ref()
            .skip_while(|byte| byte.is_ascii_whitespace())
            .take_while(|byte| byte.is_ascii_alphabetic())
            .take(8)
            .copied()
            .collect();
        // A comment may stand in front of such a word.
        word.is_empty() || matches!(word.as_slice(), b"else" | b"while" | b"catch" | b"finally")
    }

    /// An operand begins: if another one has just ended, a new expression begins.
    fn operand(&mut self, word: Option<&str>) -> Result<(), Deep> {
        let after_operand = match self.last {
            Last::Word(last) => PREFIX.binary_search(&last).is_err(),
            Last::Open => false,
            last => last.ends(),
        };
        let infix = word.is_some_and(|word| INFIX.binary_search(&word).is_ok());
        let clause = word == Some("case") && self.last != Last::Dot;
        if (after_operand && !infix) || clause {
            self.forget_chain();
            if self.last == Last::Brace {
                self.forget_nested();
            }
        }
        self.count()
    }

    fn text(&mut self, quote: u8) -> Result<(), Deep> {
        self.operand(None)?;
        self.at += 1;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\\' if self.peek(1) == b'\r' && self.peek(2) == b'\n' => self.at += 3,
                b'\\' => self.at += 2,
                b'\n' | b'\r' => break,
                byte => {
                    self.at += 1;
                    if byte == quote {
                        break;
                    }
                }
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.last = Last::Literal;
        Ok(())
    }

    /// A template's text: to its end or to the next `${`.
    fn template(&mut self, skip: usize) -> Result<(), Deep> {
        self.count()?;
        self.at += skip;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\\' => self.at += 2,
                b'`' => {
                    self.at += 1;
                    break;
                }
                b'$' if self.peek(1) == b'{' => {
                    self.at += 2;
                    self.push(true, false)?;
                    self.last = Last::Sign;
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
        self.last = Last::Literal;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Deep> {
        self.operand(None)?;
        while self.peek(0).is_ascii_alphanumeric() || matches!(self.peek(0), b'.' | b'_') {
            self.at += 1;
        }
        self.last = Last::Literal;
        Ok(())
    }

    fn word(&mut self) -> Result<(), Deep> {
        let start = self.at;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\\' if self.peek(1) == b'u' && self.peek(2) == b'{' => {
                    self.at += 3;
                    while self.peek(0).is_ascii_hexdigit() {
                        self.at += 1;
                    }
                    self.at += usize::from(self.peek(0) == b'}');
                }
                b'\\' | b'_' | b'$' => self.at += 1,
                byte if byte.is_ascii_alphanumeric() => self.at += 1,
                0x80.. => {
                    let Some(character) = self.code[self.at..].chars().next() else { break };
                    if character.is_whitespace() || character == '\u{feff}' {
                        break;
                    }
                    self.at += character.len_utf8();
                }
                _ => break,
            }
        }
        let word = &self.code[start..self.at];
        if self.last == Last::Dot {
            self.last = Last::Property;
            return self.count();
        }
        self.operand(Some(word))?;
        if NESTING.contains(&word) {
            self.frame().nested += 1;
            self.pending += 1;
        }
        let after_for = self.last == Last::Word("for");
        self.last = if word.contains('\\') { Last::Open } else { Last::Word(word) };
        if word == "await" && after_for {
            self.last = Last::Word("for");
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Deep> {
        self.count()?;
        let head = byte == b'(' && matches!(self.last, Last::Word("if" | "while" | "for" | "with"));
        self.push(false, head)?;
        self.at += 1;
        self.last = Last::Sign;
        Ok(())
    }

    fn push(&mut self, template: bool, head: bool) -> Result<(), Deep> {
        self.depths += self.frames.len() + self.frame().chain / 2;
        if self.frames.len() > BRACKETS_MAX || self.depths > DEPTHS_MAX {
            return Err(Deep { at: self.at, what: "brackets inside each other" });
        }
        self.frames.push(Frame { template, head, chain: 0, nested: 0, angles: 0 });
        Ok(())
    }

    /// A comparison, or type arguments that nest without a bracket.
    fn open_angle(&mut self) -> Result<(), Deep> {
        self.last = Last::Sign;
        self.frame().angles += 1;
        self.pending += 1;
        self.depths += self.frame().angles * 2;
        if self.depths > DEPTHS_MAX {
            return Err(Deep { at: self.at, what: "angle brackets inside each other" });
        }
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), Deep> {
        self.newline = false;
        self.forget_chain();
        self.forget_nested();
        let closed = if self.frames.len() > 1 { self.frames.pop() } else { None };
        if byte == b'}' && closed.is_some_and(|frame| frame.template) {
            return self.template(1);
        }
        self.at += 1;
        self.last = match byte {
            b')' if closed.is_some_and(|frame| frame.head) => Last::Head,
            b')' => Last::Group,
            b']' => Last::Bracket,
            _ => Last::Brace,
        };
        Ok(())
    }

    /// A slash that begins no comment.
    fn slash(&mut self) -> Result<(), Deep> {
        let divides = match self.last {
            Last::Start | Last::Sign | Last::Head => Some(false),
            Last::Word(word) if BEFORE_PATTERN.contains(&word) => Some(false),
            Last::Word(word) if CONTEXTUAL.contains(&word) => None,
            Last::Open | Last::Brace | Last::Dot => None,
            Last::Word(_) | Last::Property | Last::Literal | Last::Group | Last::Bracket => Some(true),
        };
        // In front of a slash, a line's end can end a statement.
        let divides = if self.newline && divides == Some(true) { None } else { divides };
        if divides == Some(false) {
            return self.pattern();
        }
        if divides.is_none() && self.slash_later_on_line() {
            self.ambiguous.get_or_insert(self.at);
        }
        self.count()?;
        self.at += 1;
        self.last = Last::Sign;
        Ok(())
    }

    fn slash_later_on_line(&mut self) -> bool {
        if self.at >= self.line.0 {
            let rest = &self.bytes[self.at..];
            let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
            let slash = rest[..length].iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            self.line = (self.at + length, self.at + slash);
        }
        self.line.1 > self.at
    }

    fn pattern(&mut self) -> Result<(), Deep> {
        self.operand(None)?;
        self.at += 1;
        let mut class = false;
        while self.at < self.bytes.len() && !self.at_line_end() {
            match self.peek(0) {
                b'\\' if matches!(self.peek(1), b'\n' | b'\r' | 0xe2) => self.at += 1,
                b'\\' => self.at += 2,
                b'/' if !class => {
                    self.at += 1;
                    break;
                }
                byte => {
                    class = byte == b'[' || (class && byte != b']');
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.bytes.len());
        while self.peek(0).is_ascii_alphanumeric() {
            self.at += 1;
        }
        self.last = Last::Literal;
        Ok(())
    }

    fn sign(&mut self) -> Result<(), Deep> {
        let html = self.bytes[self.at..].starts_with(b"<!--")
            || (self.newline && self.bytes[self.at..].starts_with(b"-->"));
        if html {
            // A comment in a script, operators in a module.
            self.ambiguous.get_or_insert(self.at);
        }
        self.count()?;
        let byte = self.peek(0);
        let twice = self.peek(1) == byte;
        let ended = self.last.ends();
        self.at += 1;
        self.last = match byte {
            b'.' if twice => Last::Sign,
            b'.' => Last::Dot,
            b'?' if self.peek(0) == b'.' && !self.peek(1).is_ascii_digit() => {
                self.at += 1;
                Last::Dot
            }
            b'+' | b'-' if twice => {
                self.at += 1;
                Last::Open
            }
            b'!' if ended && self.peek(0) != b'=' => Last::Open,
            b'#' | b'@' => Last::Dot,
            b'<' => return self.open_angle(),
            b'>' if self.at >= 2 && self.bytes[self.at - 2] == b'=' => Last::Sign,
            b'>' => {
                let closes = usize::from(self.frame().angles > 0);
                self.frame().angles -= closes;
                self.pending -= closes;
                Last::Open
            }
            _ => Last::Sign,
        };
        Ok(())
    }
}
