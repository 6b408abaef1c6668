//! Texts that are put together from constants: `"ev" + "al"`, `"".join(["ev", "al"])`, `"lave"[::-1]`, `chr(101)`.

use super::expression::is_lookup;
use super::value::{TEXT_MAX, Value, Values};
use ruff_python_ast::{Operator, UnaryOp};
use std::rc::Rc;

/// More combinations of alternatives than this are not followed.
const PAIRS_MAX: usize = 64;

/// What a value looks like in a text.
pub(super) fn shown(values: &Values) -> Option<String> {
    match values.one()? {
        Value::Text(text) => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `left op right` of constants; `None` where they are none.
pub(super) fn combined(op: Operator, left: &Values, right: &Values) -> Option<Values> {
    if left.known.len() * right.known.len() > PAIRS_MAX {
        return None;
    }
    let mut all = Values { known: Vec::new(), open: left.open || right.open };
    for left in &left.known {
        for right in &right.known {
            all.join(pair(op, left, right)?);
        }
    }
    (!all.known.is_empty()).then_some(all)
}

fn pair(op: Operator, left: &Value, right: &Value) -> Option<Values> {
    Some(match (op, left, right) {
        (Operator::Add, Value::Text(left), Value::Text(right)) => Values::text(format!("{left}{right}")),
        (Operator::Add, Value::Number(left), Value::Number(right)) => {
            Value::Number(left.checked_add(*right)?).into()
        }
        (Operator::Sub, Value::Number(left), Value::Number(right)) => {
            Value::Number(left.checked_sub(*right)?).into()
        }
        (Operator::BitXor, Value::Number(left), Value::Number(right)) => Value::Number(left ^ right).into(),
        (Operator::Mult, Value::Number(left), Value::Number(right)) => {
            Value::Number(left.checked_mul(*right)?).into()
        }
        (Operator::Mult, Value::Text(text), Value::Number(times)) => {
            let times = usize::try_from(*times).unwrap_or(0);
            let fits = text.len().checked_mul(times).is_some_and(|bytes| bytes <= TEXT_MAX);
            if fits { Values::text(text.repeat(times)) } else { Values::open() }
        }
        (Operator::Mod, Value::Text(template), Value::Items(items)) => percent(template, items),
        (Operator::Mod, Value::Text(template), value) if shown(&value.clone().into()).is_some() => {
            percent(template, &[value.clone().into()])
        }
        (Operator::Add, Value::Items(left), Value::Items(right)) => {
            Value::Items(left.iter().chain(right.iter()).take(super::value::ITEMS_MAX * 2).cloned().collect())
                .into()
        }
        (Operator::Div, Value::File(folder), Value::Text(name)) => {
            Value::File(folder.as_ref().map(|folder| joined_path(folder, name))).into()
        }
        (Operator::Div, Value::File(_), _) => Value::File(None).into(),
        _ => return None,
    })
}

fn joined_path(folder: &str, name: &str) -> Rc<str> {
    if name.starts_with('/') { name.into() } else { format!("{folder}/{name}").into() }
}

/// `-x` of a number; other operators give nothing that is followed.
pub(super) fn negated(op: UnaryOp, values: &Values) -> Values {
    match (op, values.one()) {
        (UnaryOp::USub, Some(Value::Number(number))) => {
            number.checked_neg().map_or_else(Values::open, |number| Value::Number(number).into())
        }
        _ => Values::open(),
    }
}

/// Whether [`sliced`] follows a value.
pub(super) fn is_sliced(value: &Value) -> bool {
    matches!(value, Value::Text(_) | Value::Items(_))
}

/// `base[lower:upper:step]`
pub(super) fn sliced(base: &Values, parts: &[Option<Values>; 3]) -> Values {
    let number = |part: &Option<Values>| match part.as_ref().map(Values::one) {
        None => Ok(None),
        Some(Some(Value::Number(number))) => Ok(Some(*number)),
        Some(_) => Err(()),
    };
    let numbers = (number(&parts[0]), number(&parts[1]), number(&parts[2]));
    let mut all = Values { known: Vec::new(), open: base.open };
    for value in &base.known {
        let (Ok(lower), Ok(upper), Ok(step)) = numbers else {
            // Any part of a list may be any of its elements, as the whole list says it too.
            all.join(if matches!(value, Value::Items(_)) { value.clone().into() } else { Values::open() });
            all.open = true;
            continue;
        };
        all.join(match value {
            Value::Text(text) => {
                let chars: Vec<char> = text.chars().collect();
                Values::text(indexes(chars.len(), lower, upper, step).map(|at| chars[at]).collect::<String>())
            }
            Value::Items(items) => {
                Value::Items(indexes(items.len(), lower, upper, step).map(|at| items[at].clone()).collect())
                    .into()
            }
            _ => Values::open(),
        });
    }
    all
}

/// The indexes that a slice takes, as Python counts them.
fn indexes(
    len: usize,
    lower: Option<i64>,
    upper: Option<i64>,
    step: Option<i64>,
) -> impl Iterator<Item = usize> {
    let len = len as i64;
    let step = step.filter(|&step| step != 0).unwrap_or(1);
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound = |part: Option<i64>, none: i64| {
        part.map_or(none, |at| (if at < 0 { at.saturating_add(len) } else { at }).clamp(low, high))
    };
    let (start, end) = if step > 0 {
        (bound(lower, 0), bound(upper, len))
    } else {
        (bound(lower, len - 1), bound(upper, -1))
    };
    let mut at = start;
    std::iter::from_fn(move || {
        let goes_on = if step > 0 { at < end } else { at > end };
        goes_on.then(|| {
            let here = at;
            at = at.saturating_add(step);
            here as usize
        })
    })
}

/// `base[index]` of what is not a module.
pub(super) fn item(base: &Value, index: &Values) -> Values {
    match (base, index.one()) {
        (Value::Items(items), Some(Value::Number(at))) => {
            let at = if *at < 0 { at + items.len() as i64 } else { *at };
            usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or_else(Values::open)
        }
        (Value::Items(items), _) => any(items.iter()),
        (Value::Table(items), Some(Value::Text(name))) => any(items
            .iter()
            .filter(|(key, _)| key.as_ref().is_none_or(|key| key == name))
            .map(|(_, values)| values)),
        (Value::Table(items), _) => any(items.iter().map(|(_, values)| values)),
        (Value::Text(text), Some(Value::Number(at))) => {
            let chars: Vec<char> = text.chars().collect();
            let at = if *at < 0 { at + chars.len() as i64 } else { *at };
            usize::try_from(at)
                .ok()
                .and_then(|at| chars.get(at))
                .map_or_else(Values::open, |char| Values::text(char.to_string()))
        }
        _ => Values::open(),
    }
}

fn any<'v>(items: impl Iterator<Item = &'v Values>) -> Values {
    let mut all = Values::default();
    for values in items {
        all.join(values.clone());
    }
    all.open |= all.known.is_empty();
    all
}

/// What a method of a constant gives.
pub(super) fn method(of: &Value, name: &str, arguments: &[Values]) -> Values {
    match of {
        Value::Text(text) => text_method(text, name, arguments),
        Value::Table(_) if is_lookup(name) => {
            arguments.first().map_or_else(Values::open, |index| item(of, index))
        }
        Value::Table(items) if matches!(name, "values" | "items" | "copy") => {
            Value::Items([any(items.iter().map(|(_, values)| values))].into()).into()
        }
        Value::Items(items) if matches!(name, "pop" | "__getitem__") => any(items.iter()),
        Value::Items(_) if name == "copy" => of.clone().into(),
        Value::File(path) if name == "joinpath" => {
            let name = arguments.first().and_then(Values::one_text);
            Value::File(path.as_ref().zip(name).map(|(path, name)| joined_path(path, name))).into()
        }
        Value::File(path) if matches!(name, "resolve" | "absolute" | "expanduser") => {
            Value::File(path.clone()).into()
        }
        _ => Values::open(),
    }
}

fn text_method(text: &str, name: &str, arguments: &[Values]) -> Values {
    let texts: Vec<Option<&str>> = arguments.iter().map(Values::one_text).collect();
    let changed = match (name, texts.as_slice()) {
        ("join", _) => return arguments.first().map_or_else(Values::open, |items| join(text, items)),
        ("format", _) => {
            let shown: Option<Vec<String>> = arguments.iter().map(shown).collect();
            let filled = shown.and_then(|shown| format(text, &shown));
            return filled.map_or_else(Values::open, Values::text);
        }
        ("replace", [Some(from), Some(to)])
            if !from.is_empty() && text.len() * (to.len() + 1) <= TEXT_MAX =>
        {
            text.replace(from, to)
        }
        ("lower" | "casefold", []) => text.to_lowercase(),
        ("upper", []) => text.to_uppercase(),
        ("strip", []) => text.trim().to_owned(),
        ("strip", [Some(chars)]) => text.trim_matches(|char| chars.contains(char)).to_owned(),
        ("decode" | "encode", _)
            if arguments.iter().all(|codec| codec.one_text().is_some_and(is_plain_codec)) =>
        {
            text.to_owned()
        }
        ("swapcase", []) => text.chars().map(swapped).collect(),
        ("removeprefix", [Some(prefix)]) => text.strip_prefix(prefix).unwrap_or(text).to_owned(),
        ("removesuffix", [Some(suffix)]) => text.strip_suffix(suffix).unwrap_or(text).to_owned(),
        ("__add__", [Some(more)]) => format!("{text}{more}"),
        ("split", [Some(separator)]) if !separator.is_empty() => {
            return Value::Items(text.split(separator).take(64).map(Values::text).collect()).into();
        }
        ("split", []) => {
            return Value::Items(text.split_whitespace().take(64).map(Values::text).collect()).into();
        }
        _ => return Values::open(),
    };
    Values::text(changed)
}

fn is_plain_codec(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "utf-8" | "utf8" | "ascii" | "latin-1" | "latin1")
}

fn swapped(char: char) -> char {
    if char.is_ascii_uppercase() { char.to_ascii_lowercase() } else { char.to_ascii_uppercase() }
}

/// `separator.join(items)`
fn join(separator: &str, items: &Values) -> Values {
    match items.one() {
        Some(Value::Items(items)) => {
            let parts: Option<Vec<String>> =
                items.iter().map(|item| item.one_text().map(str::to_owned)).collect();
            parts.map_or_else(Values::open, |parts| Values::text(parts.join(separator)))
        }
        Some(Value::Text(text)) => {
            let parts: Vec<String> = text.chars().map(String::from).collect();
            Values::text(parts.join(separator))
        }
        _ => Values::open(),
    }
}

/// `template % items`, for `%s`, `%d` and `%c` without more.
fn percent(template: &str, items: &[Values]) -> Values {
    let mut items = items.iter();
    let mut text = String::new();
    let mut chars = template.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
            continue;
        }
        let filled = match chars.next() {
            Some('%') => Some("%".to_owned()),
            Some('s' | 'd' | 'i') => items.next().and_then(shown),
            Some('c') => items.next().and_then(|item| match item.one() {
                Some(Value::Number(code)) => char_of(*code).map(String::from),
                _ => shown(item),
            }),
            _ => None,
        };
        let Some(filled) = filled else { return Values::open() };
        text.push_str(&filled);
    }
    Values::text(text)
}

/// `template.format(shown)`, for `{}` and `{0}` without more.
fn format(template: &str, shown: &[String]) -> Option<String> {
    let mut text = String::new();
    let mut next = 0;
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..];
        if brace.starts_with("{{") || brace.starts_with("}}") {
            text.push_str(&brace[..1]);
            rest = &brace[2..];
            continue;
        }
        let end = brace.find('}').filter(|_| brace.starts_with('{'))?;
        let at = match &brace[1..end] {
            "" => {
                next += 1;
                next - 1
            }
            field => field.parse().ok()?,
        };
        text.push_str(shown.get(at)?);
        rest = &brace[end + 1..];
    }
    Some(text + rest)
}

/// The attributes with two underscores that a template for `format` reaches: `{0.__class__}`.
pub(super) fn dunder_in_template(template: &str) -> Option<&str> {
    template.split('{').skip(1).find_map(|field| {
        let field = field.split('}').next().unwrap_or(field);
        field.split(['.', '[']).skip(1).find(|part| part.starts_with("__"))
    })
}

/// `chr(code)`
pub(super) fn char_of(code: i64) -> Option<char> {
    u32::try_from(code).ok().and_then(char::from_u32)
}

/// `bytes([…])`, where each is a character of ASCII.
pub(super) fn bytes_of(items: &Values) -> Values {
    let Some(Value::Items(items)) = items.one() else {
        return Values::open();
    };
    let chars: Option<String> = items
        .iter()
        .map(|item| match item.one() {
            Some(Value::Number(code)) => char_of(*code).filter(char::is_ascii),
            _ => None,
        })
        .collect();
    chars.map_or_else(Values::open, Values::text)
}

/// `map(chr, items)`
pub(super) fn map_chr(items: &Values) -> Values {
    let Some(Value::Items(items)) = items.one() else {
        return Values::open();
    };
    let each = items.iter().map(|item| match item.one() {
        Some(Value::Number(code)) => {
            char_of(*code).map_or_else(Values::open, |char| Values::text(char.to_string()))
        }
        _ => Values::open(),
    });
    Value::Items(each.collect()).into()
}

/// `reversed(value)`
pub(super) fn reversed(values: &Values) -> Values {
    let none = [None, None, Some(Values::from(Value::Number(-1)))];
    match values.one() {
        Some(value) if is_sliced(value) => sliced(values, &none),
        _ => Values::open(),
    }
}
