//! What an expression is known to be before the code runs, and the arithmetic of it that hides names: joined texts,
//! numbers added to texts, lists joined and reversed. What it does not know is `Unknown`.

use super::names::{is_free_module, is_global_object, member};
use oxc_ast::ast::{ArrayExpression, ArrowFunctionExpression, Function, ObjectExpression};
use std::rc::Rc;

/// Bytes of one text that is put together from others.
pub(super) const TEXT_BYTES_MAX: usize = 64 << 10;
/// Items of one list that is made from a text.
pub(super) const LIST_MAX: usize = 4_096;

/// What an expression is, as far as the code tells.
#[derive(Clone)]
pub(super) enum Value<'a> {
    /// Anything; an ordinary value most of the time.
    Unknown,
    /// Something that this check gave up on: a call of it is told.
    Hidden,
    Text(Rc<str>),
    Number(f64),
    Bool(bool),
    Undefined,
    Null,
    /// The global object.
    Global,
    /// A global, a module or a member of one.
    Name(Rc<str>),
    Array(&'a ArrayExpression<'a>),
    List(Rc<[Value<'a>]>),
    Object(&'a ObjectExpression<'a>),
    Arrow(&'a ArrowFunctionExpression<'a>),
    Function(&'a Function<'a>),
    /// Some function that makes objects: its own `constructor` is `Function`.
    Constructor,
    /// One of these.
    Either(Rc<[Value<'a>]>),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Value<'a> {
        Value::Text(text.into())
    }

    pub(super) fn name(name: &str) -> Value<'a> {
        Value::Name(name.into())
    }

    /// What a name is that nothing in the code binds.
    pub(super) fn free(name: &str) -> Value<'a> {
        match name {
            "undefined" => Value::Undefined,
            "NaN" => Value::Number(f64::NAN),
            "Infinity" => Value::Number(f64::INFINITY),
            _ if is_global_object(name) => Value::Global,
            _ => Value::name(name),
        }
    }

    /// One value, or a choice of several.
    pub(super) fn either(mut values: Vec<Value<'a>>) -> Value<'a> {
        match values.len() {
            0 => Value::Unknown,
            1 => values.remove(0),
            _ => Value::Either(values.into()),
        }
    }

    /// Everything that this may be, choices inside choices opened.
    pub(super) fn each(&self, sees: &mut dyn FnMut(&Value<'a>)) {
        match self {
            Value::Either(values) => values.iter().for_each(|value| value.each(sees)),
            value => sees(value),
        }
    }

    /// The text that it is when it stands in a text; nothing if that is not known.
    pub(super) fn to_text(&self) -> Option<Rc<str>> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) if number.is_nan() => Some("NaN".into()),
            Value::Number(number) if number.is_infinite() => {
                Some(if *number > 0.0 { "Infinity" } else { "-Infinity" }.into())
            }
            Value::Number(number) if number.abs() < 1e15 => Some(number.to_string().into()),
            Value::Bool(known) => Some(known.to_string().into()),
            Value::Undefined => Some("undefined".into()),
            Value::Null => Some("null".into()),
            Value::Array(array) if array.elements.is_empty() => Some("".into()),
            Value::Global => Some("[object global]".into()),
            Value::Name(name) => native(name).map(Rc::from),
            _ => None,
        }
    }

    /// True where `+` joins texts.
    fn is_object(&self) -> bool {
        matches!(
            self,
            Value::Text(_)
                | Value::Array(_)
                | Value::List(_)
                | Value::Object(_)
                | Value::Name(_)
                | Value::Global
        )
    }

    fn to_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Bool(known) => Some(f64::from(u8::from(*known))),
            Value::Null => Some(0.0),
            Value::Undefined => Some(f64::NAN),
            Value::Text(text) if text.trim().is_empty() => Some(0.0),
            Value::Text(text) => text.trim().parse().ok().or(Some(f64::NAN)),
            Value::Array(array) if array.elements.is_empty() => Some(0.0),
            _ => None,
        }
    }

    /// Whether it counts as true; nothing if that is not known.
    fn truth(&self) -> Option<bool> {
        match self {
            Value::Bool(known) => Some(*known),
            Value::Number(number) => Some(*number != 0.0 && !number.is_nan()),
            Value::Text(text) => Some(!text.is_empty()),
            Value::Undefined | Value::Null => Some(false),
            Value::Array(_) | Value::List(_) | Value::Object(_) | Value::Arrow(_) | Value::Function(_) => {
                Some(true)
            }
            _ => None,
        }
    }

    /// `left + right`.
    pub(super) fn sum(left: &Value<'a>, right: &Value<'a>) -> Value<'a> {
        if !left.is_object() && !right.is_object() {
            return match (left.to_number(), right.to_number()) {
                (Some(left), Some(right)) => Value::Number(left + right),
                _ => Value::Unknown,
            };
        }
        match (left.to_text(), right.to_text()) {
            (Some(left), Some(right)) if left.len() + right.len() <= TEXT_BYTES_MAX => {
                Value::text([&*left, &*right].concat())
            }
            _ => Value::Unknown,
        }
    }

    /// A prefix operator, as it is written.
    pub(super) fn prefixed(sign: &str, value: &Value<'a>) -> Value<'a> {
        let known = match sign {
            "!" => value.truth().map(|truth| Value::Bool(!truth)),
            "+" => value.to_number().map(Value::Number),
            "-" => value.to_number().map(|number| Value::Number(-number)),
            "~" => value.to_number().map(|number| Value::Number(f64::from(!whole(number)))),
            "void" => Some(Value::Undefined),
            _ => None,
        };
        known.unwrap_or(Value::Unknown)
    }

    /// A member by its name, of what is not an array or an object in the code.
    pub(super) fn member(&self, key: &str) -> Value<'a> {
        match self {
            Value::Global => Value::free(key),
            Value::Name(name) if is_free_module(name) && key == "promises" => Value::name(&member(name, key)),
            Value::Name(name) if key == "constructor" && native(name).is_some() => Value::name("Function"),
            Value::Name(name) if key == "constructor" && &**name != "module" => Value::Constructor,
            Value::Name(name) => Value::name(&member(name, key)),
            Value::Constructor | Value::Arrow(_) | Value::Function(_) if key == "constructor" => {
                Value::name("Function")
            }
            Value::Array(_) | Value::List(_) | Value::Text(_) if key != "constructor" && key != "length" => {
                self.element(key)
            }
            Value::Hidden => Value::Hidden,
            _ if key == "constructor" => Value::Constructor,
            _ => Value::Unknown,
        }
    }

    /// A character of a text, an item of a list, or one of their functions.
    fn element(&self, key: &str) -> Value<'a> {
        let index = key.parse::<usize>().ok();
        match (self, index) {
            (_, Some(LIST_MAX..)) => Value::Unknown,
            (Value::Text(text), Some(index)) => {
                text.chars().nth(index).map_or(Value::Undefined, |found| Value::text(found.to_string()))
            }
            (Value::List(list), Some(index)) => list.get(index).cloned().unwrap_or(Value::Undefined),
            (Value::Array(_), Some(_)) => Value::Unknown,
            (Value::Text(_), None) => Value::Name(format!("String.prototype.{}", short(key)).into()),
            (_, None) if key.starts_with("__") => Value::Unknown,
            (_, None) => Value::Name(format!("Array.prototype.{}", short(key)).into()),
            _ => Value::Unknown,
        }
    }

    /// The characters of a text as a list.
    pub(super) fn split(text: &str, by: &str) -> Value<'a> {
        let parts: Vec<Value> = match by {
            "" => text.chars().take(LIST_MAX + 1).map(|part| Value::text(part.to_string())).collect(),
            by => text.split(by).take(LIST_MAX + 1).map(Value::text).collect(),
        };
        if parts.len() > LIST_MAX { Value::Unknown } else { Value::List(parts.into()) }
    }

    /// The items as one text.
    pub(super) fn join(items: &[Value<'a>], by: &str) -> Value<'a> {
        let mut joined = String::new();
        for (index, item) in items.iter().enumerate() {
            let Some(text) = item.to_text() else { return Value::Unknown };
            if index > 0 {
                joined.push_str(by);
            }
            joined.push_str(&text);
            if joined.len() > TEXT_BYTES_MAX {
                return Value::Unknown;
            }
        }
        Value::text(joined)
    }
}

/// A number as the bitwise operators see it, where it is small.
fn whole(number: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast; large numbers hide no names")]
    let whole = number as i32;
    whole
}

fn short(key: &str) -> &str {
    key.get(..super::names::NAME_BYTES_MAX).unwrap_or(key)
}

/// What a function that comes with the language looks like as a text.
fn native(name: &str) -> Option<String> {
    let last = name.strip_prefix("Array.prototype.").or_else(|| name.strip_prefix("String.prototype."))?;
    Some(format!("function {last}() {{ [native code] }}"))
}
