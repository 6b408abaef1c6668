//! Expressions: what they may be, and what they reach.

use super::names;
use super::scope::Kind;
use super::text;
use super::value::{ITEMS_MAX, Value, Values};
use super::walk::Walk;
use crate::sighting::Seen;
use ruff_python_ast::{
    Comprehension, Expr, ExprAttribute, ExprDict, ExprFString, ExprLambda, ExprSubscript, Number, Operator,
};
use ruff_text_size::{Ranged, TextRange};
use std::rc::Rc;

impl Walk<'_> {
    /// Visits an expression. Its own names are not told yet: that is for who uses the value.
    pub(super) fn expression(&mut self, expression: &Expr) -> Values {
        match expression {
            Expr::Name(it) => self.name(&it.id, it.range),
            Expr::Attribute(it) => self.attribute(it),
            Expr::Subscript(it) => self.subscript(it),
            Expr::Call(it) => self.call(it),
            Expr::StringLiteral(it) => Values::text(it.value.to_str()),
            Expr::BytesLiteral(it) => {
                let bytes: Vec<u8> = it.value.bytes().collect();
                String::from_utf8(bytes).map_or_else(|_| Values::open(), Values::text)
            }
            Expr::NumberLiteral(it) => match &it.value {
                Number::Int(int) => int.as_i64().map_or_else(Values::open, |int| Value::Number(int).into()),
                _ => Values::open(),
            },
            Expr::BooleanLiteral(it) => Value::Number(i64::from(it.value)).into(),
            Expr::FString(it) => self.f_string(it),
            Expr::BinOp(it) => {
                let left = self.expression(&it.left);
                let right = self.expression(&it.right);
                self.operator(it.op, (&left, it.left.range()), (&right, it.right.range()))
            }
            Expr::UnaryOp(it) => {
                let operand = self.expression(&it.operand);
                self.hand_on_values(&operand, it.operand.range());
                text::negated(it.op, &operand)
            }
            Expr::BoolOp(it) => self.any_of(&it.values),
            Expr::If(it) => {
                self.hand_on(&it.test);
                self.any_of([&*it.body, &*it.orelse])
            }
            Expr::Named(it) => {
                let values = self.expression(&it.value);
                self.bind(&it.target, &values, it.value.range());
                values
            }
            Expr::List(it) => self.items(&it.elts),
            Expr::Tuple(it) => self.items(&it.elts),
            Expr::Set(it) => self.items(&it.elts),
            Expr::Dict(it) => self.table(it),
            Expr::Lambda(it) => self.lambda(it),
            Expr::ListComp(it) => self.comprehension(&it.generators, &[&it.elt], it.range),
            Expr::SetComp(it) => self.comprehension(&it.generators, &[&it.elt], it.range),
            Expr::Generator(it) => self.comprehension(&it.generators, &[&it.elt], it.range),
            Expr::DictComp(it) => {
                let parts: Vec<&Expr> = it.key.as_deref().into_iter().chain([&*it.value]).collect();
                self.comprehension(&it.generators, &parts, it.range)
            }
            Expr::Starred(it) => self.expression(&it.value),
            Expr::IpyEscapeCommand(it) => self.escape(it.kind, &it.value, it.range),
            _ => self.others(expression),
        }
    }

    /// What gives nothing that can be followed.
    fn others(&mut self, expression: &Expr) -> Values {
        match expression {
            Expr::Await(it) => self.hand_on(&it.value),
            Expr::Yield(it) => self.hand_on_all(it.value.as_deref()),
            Expr::YieldFrom(it) => self.hand_on(&it.value),
            Expr::Compare(it) => self.hand_on_all(&it.operands),
            Expr::Slice(it) => {
                self.hand_on_all(
                    [&it.lower, &it.upper, &it.step].into_iter().filter_map(|part| part.as_deref()),
                );
            }
            Expr::TString(it) => {
                for element in it.value.elements().filter_map(|element| element.as_interpolation()) {
                    self.interpolation(element);
                }
            }
            _ => {}
        }
        Values::open()
    }

    fn any_of<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr>) -> Values {
        let mut all = Values::default();
        for expression in expressions {
            let values = self.expression(expression);
            self.scopes.tangled |= !all.join(values);
        }
        all
    }

    fn items(&mut self, elements: &[Expr]) -> Values {
        if elements.len() > ITEMS_MAX {
            self.hand_on_all(elements);
            return Values::open();
        }
        let mut items = Vec::with_capacity(elements.len());
        let mut is_whole = true;
        for element in elements {
            let values = self.expression(element);
            if element.is_starred_expr() {
                items.push(self.elements(&values, element.range()));
                is_whole = false;
            } else {
                items.push(values);
            }
        }
        let mut values = Values::from(Value::Items(items.into()));
        values.open = !is_whole;
        values
    }

    fn table(&mut self, dict: &ExprDict) -> Values {
        let is_short = dict.items.len() <= ITEMS_MAX;
        let mut items = Vec::new();
        for item in &dict.items {
            let key = item.key.as_ref().and_then(|key| {
                let values = self.expression(key);
                self.hand_on_values(&values, key.range());
                values.one_text().map(Rc::from)
            });
            let mut values = self.expression(&item.value);
            if item.key.is_none() {
                values = self.elements(&values, item.value.range());
            }
            if is_short {
                items.push((key, values));
            } else {
                self.hand_on_values(&values, item.value.range());
            }
        }
        if is_short { Value::Table(items.into()).into() } else { Values::open() }
    }

    fn lambda(&mut self, lambda: &ExprLambda) -> Values {
        let defaults = lambda.parameters.as_deref().map(|parameters| self.defaults(parameters));
        let before = self.scopes.enter(Kind::Function, self.place_of_scope(lambda.range));
        if let (Some(parameters), Some(defaults)) = (lambda.parameters.as_deref(), &defaults) {
            self.parameters(parameters, defaults);
        }
        let values = self.expression(&lambda.body);
        self.hand_on_values(&values, lambda.body.range());
        self.scopes.current = before;
        Value::Gives(Rc::new(values)).into()
    }

    fn comprehension(&mut self, generators: &[Comprehension], parts: &[&Expr], range: TextRange) -> Values {
        let mut before = None;
        for generator in generators {
            let values = self.expression(&generator.iter);
            let each = self.elements(&values, generator.iter.range());
            // The first iterable belongs to the scope around.
            before.get_or_insert_with(|| self.scopes.enter(Kind::Function, self.place_of_scope(range)));
            self.bind(&generator.target, &each, generator.iter.range());
            self.hand_on_all(&generator.ifs);
        }
        let mut all = Values::default();
        for part in parts {
            let values = self.expression(part);
            self.hand_on_values(&values, part.range());
            all.join(values);
        }
        self.scopes.current = before.unwrap_or(self.scopes.current);
        let mut items = Values::from(Value::Items([all].into()));
        items.open = true;
        items
    }

    fn f_string(&mut self, f_string: &ExprFString) -> Values {
        let mut text = Some(String::new());
        let mut parts = Vec::new();
        for part in &f_string.value {
            match part {
                ruff_python_ast::FStringPartRef::Literal(literal) => {
                    parts.push(Ok(literal.value.to_string()))
                }
                ruff_python_ast::FStringPartRef::FString(inner) => {
                    parts.extend(inner.elements.iter().map(|element| match element.as_literal() {
                        Some(literal) => Ok(literal.value.to_string()),
                        None => Err(element),
                    }));
                }
            }
        }
        for part in parts {
            let known = match part {
                Ok(literal) => Some(literal),
                Err(element) => element.as_interpolation().and_then(|element| self.interpolation(element)),
            };
            text = text
                .zip(known)
                .map(|(text, known)| text + &known)
                .filter(|text| text.len() <= super::value::TEXT_MAX);
        }
        text.map_or_else(Values::open, Values::text)
    }

    fn interpolation(&mut self, element: &ruff_python_ast::InterpolatedElement) -> Option<String> {
        let values = self.expression(&element.expression);
        self.hand_on_values(&values, element.expression.range());
        if let Some(spec) = &element.format_spec {
            for inner in spec.elements.iter().filter_map(|element| element.as_interpolation()) {
                self.interpolation(inner);
            }
        }
        let is_plain = element.format_spec.is_none()
            && element.debug_text.is_none()
            && matches!(
                element.conversion,
                ruff_python_ast::ConversionFlag::None | ruff_python_ast::ConversionFlag::Str
            );
        is_plain.then(|| text::shown(&values)).flatten()
    }

    /// `left op right`, where both are already visited.
    pub(super) fn operator(
        &mut self,
        op: Operator,
        left: (&Values, TextRange),
        right: (&Values, TextRange),
    ) -> Values {
        if let Some(values) = text::combined(op, left.0, right.0) {
            return values;
        }
        self.hand_on_values(left.0, left.1);
        self.hand_on_values(right.0, right.1);
        Values::open()
    }

    /// What iterating over values may give.
    pub(super) fn elements(&mut self, values: &Values, range: TextRange) -> Values {
        let mut each = Values { known: Vec::new(), open: values.open };
        for value in &values.known {
            match value {
                Value::Items(items) => {
                    for item in items.iter() {
                        self.scopes.tangled |= !each.join(item.clone());
                    }
                }
                Value::Table(items) => {
                    for (key, values) in items.iter() {
                        each.join(key.clone().map_or_else(Values::open, Values::text));
                        self.scopes.tangled |= !each.join(values.clone());
                    }
                }
                Value::Text(text) if text.chars().count() <= 8 => {
                    for char in text.chars() {
                        each.join(Values::text(char.to_string()));
                    }
                }
                value => {
                    self.hand_on_values(&value.clone().into(), range);
                    each.open = true;
                }
            }
        }
        each
    }

    fn attribute(&mut self, it: &ExprAttribute) -> Values {
        let name = it.attr.as_str();
        if is_dunder(name) {
            // The outermost of a chain is told first, so that it is the one that is shown.
            let chain = chain_of(it);
            self.tell(it.range, Seen::Dunder(chain));
        }
        let base = self.expression(&it.value);
        self.reach(&base, name, it.range)
    }

    /// Tells an attribute that is reached by name, and gives what it may be.
    pub(super) fn attribute_of(&mut self, base: &Values, name: &str, range: TextRange) -> Values {
        if is_dunder(name) {
            let owner = base.known.iter().find_map(|value| match value {
                Value::Path(path) => Some(format!("{path}.")),
                _ => None,
            });
            self.tell(range, Seen::Dunder(format!("{}{name}", owner.unwrap_or_default())));
        }
        self.reach(base, name, range)
    }

    fn reach(&mut self, base: &Values, name: &str, range: TextRange) -> Values {
        if !is_dunder(name) && !name.is_empty() {
            self.tell(range, Seen::Attribute(name.to_owned()));
        }
        let mut values = Values { known: Vec::new(), open: base.open };
        if name == "__builtins__" {
            self.tell(range, Seen::Import("builtins".into()));
            return Values::path("builtins");
        }
        for value in &base.known {
            let reached = match value {
                Value::Path(path) if name == "__dict__" => Value::Members(path.clone()).into(),
                Value::Path(path) if &**path == "builtins" && is_lookup(name) => {
                    Value::Method(Rc::new(Value::Members(path.clone())), name.into()).into()
                }
                Value::Path(path) => self.member(path, name, range),
                Value::Number(_) => Values::open(),
                value => Value::Method(Rc::new(value.clone()), name.into()).into(),
            };
            self.scopes.tangled |= !values.join(reached);
        }
        values
    }

    /// What stands behind a name in a module. A module that hides in another is told as imported.
    pub(super) fn member(&mut self, module: &str, name: &str, range: TextRange) -> Values {
        match module {
            "builtins" => return Values::path(name),
            "sys" if name == "modules" => return Value::Members("".into()).into(),
            _ if name == "get_ipython" => return Values::path(name),
            _ => {}
        }
        let root = module.split('.').next().unwrap_or(module);
        match names::hidden(name) {
            Some(hidden) if hidden != root && !names::is_builtin(root) => {
                self.tell(range, Seen::Import(hidden.to_owned()));
                self.modules.insert(hidden.into());
                Values::path(hidden)
            }
            _ if module.len() > 200 => Values::open(),
            _ => Values::path(format!("{module}.{name}")),
        }
    }

    fn subscript(&mut self, it: &ExprSubscript) -> Values {
        let base = self.expression(&it.value);
        if let Expr::Slice(slice) = &*it.slice {
            let parts = [&slice.lower, &slice.upper, &slice.step]
                .map(|part| part.as_deref().map(|part| self.expression(part)));
            self.hand_on_values(
                &Values {
                    known: base.known.iter().filter(|value| !text::is_sliced(value)).cloned().collect(),
                    open: true,
                },
                it.range,
            );
            return text::sliced(&base, &parts);
        }
        let index = self.expression(&it.slice);
        self.hand_on_values(&index, it.slice.range());
        self.item(&base, &index, it.range)
    }

    /// `base[index]`
    pub(super) fn item(&mut self, base: &Values, index: &Values, range: TextRange) -> Values {
        let mut values = Values { known: Vec::new(), open: base.open };
        for value in &base.known {
            let found = match value {
                Value::Members(module) => self.member_item(module, index, range),
                Value::Path(path) if &**path == "builtins" => self.member_item(path, index, range),
                Value::Path(path) if path.ends_with(".__dict__") => Values::open(),
                Value::Globals => self.global_item(index, range),
                value => text::item(value, index),
            };
            self.scopes.tangled |= !values.join(found);
        }
        values
    }

    fn member_item(&mut self, module: &str, index: &Values, range: TextRange) -> Values {
        let (names, is_computed) = index.texts();
        let mut values = Values::default();
        if is_computed {
            let whose = if module.is_empty() { "sys.modules" } else { module };
            self.tell(range, Seen::Unresolved(format!("a name in {whose} that is computed")));
            values.open = true;
        }
        for name in names {
            if module.is_empty() {
                self.tell(range, Seen::Import(name.to_string()));
                self.modules.insert(name.clone());
                values.join(Values::path(name));
            } else {
                values.join(self.attribute_of(&Values::path(module), &name, range));
            }
        }
        values
    }

    fn global_item(&mut self, index: &Values, range: TextRange) -> Values {
        let (names, is_computed) = index.texts();
        let mut values = Values::default();
        if is_computed {
            self.tell(range, Seen::Unresolved("a name of the cell that is computed".into()));
            values.open = true;
        }
        for name in names {
            values.join(self.name(&ruff_python_ast::name::Name::new(&*name), range));
        }
        values
    }
}

/// Methods of a dict that give one of its values.
pub(super) fn is_lookup(method: &str) -> bool {
    matches!(method, "get" | "pop" | "setdefault" | "__getitem__")
}

fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

/// The attributes of a chain, as far as they are written behind each other.
fn chain_of(attribute: &ExprAttribute) -> String {
    let mut parts = vec![attribute.attr.as_str()];
    let mut at = &*attribute.value;
    while parts.len() < 8 {
        at = match at {
            Expr::Attribute(inner) => {
                parts.push(inner.attr.as_str());
                &inner.value
            }
            Expr::Call(call) => &call.func,
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Name(name) => {
                parts.push(name.id.as_str());
                break;
            }
            _ => break,
        };
    }
    parts.reverse();
    parts.join(".")
}
