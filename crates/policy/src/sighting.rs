//! What a front end saw in code, in words that are the same for every language.

use protocol::Span;

/// One thing seen, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) seen: Seen,
    pub(crate) span: Span,
}

/// What was seen. Names are dotted and resolved as far as the code tells: after `import os as o`, `o.system(x)` is a
/// call of `os.system`; what a builtin is bound to is a plain name, such as `eval`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A module is imported: `os.path`; in JavaScript what `import`, `import()` and `require` name.
    Import(String),
    /// All names of a module are imported; names that nothing else binds may come from it.
    StarImport(String),
    /// A function or method is called; a front end for Bash says so of commands too, see [`Seen::Command`].
    Call(String),
    /// A command of a shell, by its name, wherever the shell is.
    Command(String),
    /// A name is used without being called: an alias, a callback, a decorator.
    Use(String),
    /// An attribute, by its own name, of something that is not known by name.
    Attribute(String),
    /// An attribute that begins and ends with two underscores; the whole chain as far as it is known.
    Dunder(String),
    /// A file is opened for writing; the path where it is a literal.
    Write(Option<String>),
    /// A shell runs something: `!ls`, `%%bash`, `os.system("ls")`; the text where it is a literal.
    Shell(Option<String>),
    /// A name that is computed when the code runs, or code in a string: what the check cannot see through.
    Unresolved(String),
    /// The code does not parse.
    Syntax(String),
    /// The code is nested or chained so deeply that it is not parsed at all.
    TooDeep(String),
    /// The code is so long that it is not parsed at all.
    TooLong,
    /// Code of a language for which there is no front end.
    Unchecked,
    /// A construct that a front end does not know (an allow-list that fails closed).
    Unknown(String),
}
