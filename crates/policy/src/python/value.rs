//! What an expression may be, as far as the code alone tells.

use std::rc::Rc;

/// More alternatives than this are not told apart.
const VALUES_MAX: usize = 24;
/// Longer texts are not followed. Bytes.
pub(super) const TEXT_MAX: usize = 16 << 10;
/// Longer lists and dicts are not followed.
pub(super) const ITEMS_MAX: usize = 64;

/// One thing that an expression may be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A module, what is in it, or a builtin: `os`, `os.system`, `eval`.
    Path(Rc<str>),
    /// A string whose text is known.
    Text(Rc<str>),
    Number(i64),
    /// A list, tuple or set.
    Items(Rc<[Values]>),
    /// A dict; a key that is not known is `None`.
    Table(Rc<[(Option<Rc<str>>, Values)]>),
    /// The names of a module as a dict: `vars(os)`; of all modules (`sys.modules`) where the name is empty.
    Members(Rc<str>),
    /// The names of the cell as a dict: `globals()`.
    Globals,
    /// A method of something that is known: `"".join`.
    Method(Rc<Value>, Rc<str>),
    /// What gives these values when it is called: a lambda.
    Gives(Rc<Values>),
    /// `operator.attrgetter("a.b")`
    Getter(Rc<str>),
    /// `operator.methodcaller("a")`
    Caller(Rc<str>),
    /// A `pathlib.Path` of this path, if it is known.
    File(Option<Rc<str>>),
}

/// All that an expression may be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values {
    pub(super) known: Vec<Value>,
    /// It may also be something that is not known.
    pub(super) open: bool,
}

impl Values {
    /// Nothing is known.
    pub(super) fn open() -> Values {
        Values { known: Vec::new(), open: true }
    }

    pub(super) fn path(name: impl Into<Rc<str>>) -> Values {
        Value::Path(name.into()).into()
    }

    /// A text, unless it is too long to be followed.
    pub(super) fn text(text: impl AsRef<str> + Into<Rc<str>>) -> Values {
        if text.as_ref().len() > TEXT_MAX { Values::open() } else { Value::Text(text.into()).into() }
    }

    /// The only value, where there is one.
    pub(super) fn one(&self) -> Option<&Value> {
        match self.known.as_slice() {
            [value] if !self.open => Some(value),
            _ => None,
        }
    }

    /// Whether it is surely `False`, `None` or 0.
    pub(super) fn is_false(&self) -> bool {
        matches!(self.one(), Some(Value::Number(0)))
    }

    /// The only text, where there is one.
    pub(super) fn one_text(&self) -> Option<&str> {
        match self.one() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The texts that it may be, and whether it may be something else.
    pub(super) fn texts(&self) -> (Vec<Rc<str>>, bool) {
        let mut other = self.open;
        let texts = self.known.iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                other = true;
                None
            }
        });
        (texts.collect(), other)
    }

    /// Adds alternatives. False when a name had to be forgotten because there are too many.
    pub(super) fn join(&mut self, other: Values) -> bool {
        let mut kept = true;
        self.open |= other.open;
        for value in other.known {
            if self.known.contains(&value) {
                continue;
            }
            if self.known.len() < VALUES_MAX {
                self.known.push(value);
            } else {
                self.open = true;
                kept &= !value.leads_on();
            }
        }
        kept
    }
}

impl From<Value> for Values {
    fn from(value: Value) -> Values {
        Values { known: vec![value], open: false }
    }
}

impl Value {
    /// Whether it leads to a name that a policy may speak of.
    pub(super) fn leads_on(&self) -> bool {
        match self {
            Value::Text(_) | Value::Number(_) => false,
            Value::Items(items) => items.iter().any(|values| values.known.iter().any(Value::leads_on)),
            Value::Table(items) => items.iter().any(|(_, values)| values.known.iter().any(Value::leads_on)),
            _ => true,
        }
    }
}
