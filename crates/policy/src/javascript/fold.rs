//! What an expression is before the code runs: names followed through variables, members, choices and calls that hide
//! them. Each call, member and sum is worked out once.

use super::bindings::{Bindings, Key, Source};
use super::names::{canonical, is_free_module, member, module_name};
use super::value::{LIST_MAX, TEXT_BYTES_MAX, Value};
use oxc_ast::ast::*;
use oxc_semantic::Scoping;
use oxc_syntax::symbol::SymbolId;
use std::collections::HashMap;
use std::rc::Rc;

/// Variables and calls that are followed inside each other.
const HOPS_MAX: usize = 100;
/// Bytes of all texts that are put together in one piece of code.
const FOLDED_BYTES_MAX: usize = 1 << 20;
/// Properties of an object that are looked through; their values are seen anyway.
const PROPERTIES_MAX: usize = 256;
/// Things that one choice may be.
const CHOICES_MAX: usize = 16;

/// Follows names in one piece of code.
pub(super) struct Folder<'a> {
    scoping: Scoping,
    bindings: Bindings<'a>,
    variables: HashMap<SymbolId, Option<Value<'a>>>,
    globals: HashMap<&'a str, Option<Value<'a>>>,
    /// By the node's address.
    known: HashMap<usize, Value<'a>>,
    hops: usize,
    folded_bytes: usize,
}

impl<'a> Folder<'a> {
    pub(super) fn new(scoping: Scoping, bindings: Bindings<'a>) -> Folder<'a> {
        Folder {
            scoping,
            bindings,
            variables: HashMap::new(),
            globals: HashMap::new(),
            known: HashMap::new(),
            hops: 0,
            folded_bytes: 0,
        }
    }

    /// What patterns take from values, for the visitor to tell.
    pub(super) fn taken(&mut self) -> Vec<(Source<'a>, oxc_span::Span)> {
        std::mem::take(&mut self.bindings.taken)
    }

    /// What an expression is.
    pub(super) fn fold(&mut self, expression: &'a Expression<'a>) -> Value<'a> {
        match expression {
            Expression::StringLiteral(text) => text.value.as_str().map_or(Value::Unknown, Value::text),
            Expression::NumericLiteral(number) => Value::Number(number.value),
            Expression::BooleanLiteral(known) => Value::Bool(known.value),
            Expression::NullLiteral(_) => Value::Null,
            Expression::Identifier(id) => self.identifier(id),
            Expression::ArrayExpression(array) => Value::Array(array),
            Expression::ObjectExpression(object) => Value::Object(object),
            Expression::ArrowFunctionExpression(arrow) => Value::Arrow(arrow),
            Expression::FunctionExpression(function) => Value::Function(function),
            Expression::ClassExpression(_) => Value::Constructor,
            Expression::ParenthesizedExpression(inner) => self.fold(&inner.expression),
            Expression::AwaitExpression(inner) => self.fold(&inner.argument),
            Expression::TSAsExpression(inner) => self.fold(&inner.expression),
            Expression::TSSatisfiesExpression(inner) => self.fold(&inner.expression),
            Expression::TSTypeAssertion(inner) => self.fold(&inner.expression),
            Expression::TSNonNullExpression(inner) => self.fold(&inner.expression),
            Expression::TSInstantiationExpression(inner) => self.fold(&inner.expression),
            Expression::SequenceExpression(inner) => {
                inner.expressions.last().map_or(Value::Unknown, |last| self.fold(last))
            }
            Expression::AssignmentExpression(inner) if inner.operator.is_assign() => self.fold(&inner.right),
            Expression::UnaryExpression(unary) => {
                let value = self.fold(&unary.argument);
                Value::prefixed(unary.operator.as_str(), &value)
            }
            Expression::ConditionalExpression(choice) => {
                let values = vec![self.fold(&choice.consequent), self.fold(&choice.alternate)];
                self.choice(values)
            }
            Expression::LogicalExpression(choice) => {
                let values = vec![self.fold(&choice.left), self.fold(&choice.right)];
                self.choice(values)
            }
            _ => self.remembered(expression),
        }
    }

    /// The expressions that are worked out once.
    fn remembered(&mut self, expression: &'a Expression<'a>) -> Value<'a> {
        let address = std::ptr::from_ref(expression).addr();
        if let Some(value) = self.known.get(&address) {
            return value.clone();
        }
        // What depends on itself is unknown to itself.
        self.known.insert(address, Value::Unknown);
        let value = match expression {
            Expression::TemplateLiteral(template) => self.template(template),
            Expression::BinaryExpression(sum) if sum.operator == BinaryOperator::Addition => {
                let (left, right) = (self.fold(&sum.left), self.fold(&sum.right));
                self.sum(&left, &right)
            }
            Expression::CallExpression(call) => self.call(call),
            Expression::NewExpression(new) => self.made(&new.callee),
            Expression::ImportExpression(import) => self.module(&import.source),
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.call(call),
                ChainElement::TSNonNullExpression(inner) => self.fold(&inner.expression),
                element => {
                    element.as_member_expression().map_or(Value::Unknown, |member| self.member(member))
                }
            },
            expression => {
                expression.as_member_expression().map_or(Value::Unknown, |member| self.member(member))
            }
        };
        self.known.insert(address, value.clone());
        value
    }

    /// Pays for bytes that are put together; false if there is no more room.
    fn pay(&mut self, bytes: usize) -> bool {
        self.folded_bytes += bytes;
        bytes <= TEXT_BYTES_MAX && self.folded_bytes <= FOLDED_BYTES_MAX
    }

    fn sum(&mut self, left: &Value<'a>, right: &Value<'a>) -> Value<'a> {
        let bytes = |value: &Value| if let Value::Text(text) = value { text.len() } else { 8 };
        if self.pay(bytes(left) + bytes(right)) { Value::sum(left, right) } else { Value::Hidden }
    }

    fn choice(&mut self, values: Vec<Value<'a>>) -> Value<'a> {
        let mut all = Vec::new();
        for value in values {
            value.each(&mut |value| all.push(value.clone()));
        }
        if all.len() > CHOICES_MAX {
            all.truncate(CHOICES_MAX);
            all.push(Value::Hidden);
        }
        Value::either(all)
    }

    /// What a variable may be.
    fn identifier(&mut self, id: &'a IdentifierReference<'a>) -> Value<'a> {
        let symbol = id.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
        match symbol {
            Some(symbol) => self.variable(symbol),
            None => self.global(id.name.as_str()),
        }
    }

    /// True if nothing in the code declares the name.
    pub(super) fn is_free(&self, id: &IdentifierReference<'_>) -> bool {
        let reference = id.reference_id.get();
        reference.is_none_or(|id| self.scoping.get_reference(id).symbol_id().is_none())
    }

    fn variable(&mut self, symbol: SymbolId) -> Value<'a> {
        match self.variables.get(&symbol) {
            Some(Some(value)) => return value.clone(),
            Some(None) => return Value::Unknown,
            None => {}
        }
        let Some(sources) = self.bindings.declared.get(&symbol).cloned() else { return Value::Unknown };
        self.variables.insert(symbol, None);
        let value = self.sources(&sources);
        self.variables.insert(symbol, Some(value.clone()));
        value
    }

    fn global(&mut self, name: &'a str) -> Value<'a> {
        let Some(sources) = self.bindings.global.get(name).cloned() else { return Value::free(name) };
        match self.globals.get(name) {
            Some(Some(value)) => return value.clone(),
            Some(None) => return Value::Unknown,
            None => {}
        }
        self.globals.insert(name, None);
        let mut values = vec![self.sources(&sources)];
        if is_free_module(name) || matches!(name, "eval" | "Function" | "require" | "process") {
            values.push(Value::free(name));
        }
        let value = self.choice(values);
        self.globals.insert(name, Some(value.clone()));
        value
    }

    fn sources(&mut self, sources: &[Source<'a>]) -> Value<'a> {
        let values = sources.iter().map(|source| self.source(source)).collect();
        self.choice(values)
    }

    /// What a binding takes.
    pub(super) fn source(&mut self, source: &Source<'a>) -> Value<'a> {
        if self.hops >= HOPS_MAX {
            return Value::Hidden;
        }
        self.hops += 1;
        let value = match source {
            Source::Expression(expression) => self.fold(expression),
            Source::Function(function) => Value::Function(function),
            Source::Class => Value::Constructor,
            Source::Module(module, None) => Value::name(module),
            Source::Module(module, Some(name)) => Value::name(&member(module, name)),
            Source::Part(whole, key) => {
                let whole = self.source(whole);
                self.part(&whole, *key)
            }
            Source::Anything => Value::Unknown,
            Source::Hidden => Value::Hidden,
        };
        self.hops -= 1;
        value
    }

    fn part(&mut self, whole: &Value<'a>, key: Key<'a>) -> Value<'a> {
        match key {
            Key::Name(name) => self.member_of(whole, name),
            Key::Index(index) => self.member_of(whole, &index.to_string()),
            Key::Computed(key) => match self.fold(key).to_text() {
                Some(key) => self.member_of(whole, &key),
                None => Value::Unknown,
            },
            Key::Rest => Value::Unknown,
        }
    }

    fn member(&mut self, member: &'a MemberExpression<'a>) -> Value<'a> {
        let object = self.fold(member.object());
        match self.key(member) {
            Some(key) => self.member_of(&object, &key),
            None => Value::Unknown,
        }
    }

    /// The name of a member; nothing if it is computed when the code runs.
    pub(super) fn key(&mut self, member: &'a MemberExpression<'a>) -> Option<Rc<str>> {
        match member {
            MemberExpression::StaticMemberExpression(member) => Some(member.property.name.as_str().into()),
            MemberExpression::ComputedMemberExpression(member) => self.fold(&member.expression).to_text(),
            MemberExpression::PrivateFieldExpression(_) => Some("#".into()),
        }
    }

    /// A member of a value by its name.
    pub(super) fn member_of(&mut self, object: &Value<'a>, key: &str) -> Value<'a> {
        match object {
            Value::Either(values) => {
                let members = values.iter().map(|value| self.member_of(value, key)).collect();
                self.choice(members)
            }
            Value::Object(object) => self.property(object, key),
            Value::Array(array) => {
                match key.parse::<usize>().ok().and_then(|index| array.elements.get(index)) {
                    Some(element) => {
                        element.as_expression().map_or(Value::Unknown, |element| self.fold(element))
                    }
                    None => Value::Array(array).member(key),
                }
            }
            Value::Global if self.bindings.global.contains_key(key) => {
                let name = self.bindings.global.get_key_value(key).map(|(name, _)| *name);
                name.map_or(Value::Unknown, |name| self.global(name))
            }
            value => value.member(key),
        }
    }

    fn property(&mut self, object: &'a ObjectExpression<'a>, key: &str) -> Value<'a> {
        if object.properties.len() > PROPERTIES_MAX {
            return Value::Unknown;
        }
        for property in object.properties.iter().rev() {
            let ObjectPropertyKind::ObjectProperty(property) = property else { continue };
            let found = match &property.key {
                PropertyKey::StaticIdentifier(name) => name.name == key,
                PropertyKey::StringLiteral(name) => name.value == *key,
                _ => false,
            };
            if found {
                return self.fold(&property.value);
            }
        }
        if key == "constructor" { Value::Constructor } else { Value::Unknown }
    }

    fn template(&mut self, template: &'a TemplateLiteral<'a>) -> Value<'a> {
        let mut text = String::new();
        for (index, quasi) in template.quasis.iter().enumerate() {
            let Some(cooked) = quasi.value.cooked.and_then(|cooked| cooked.as_str()) else {
                return Value::Unknown;
            };
            text.push_str(cooked);
            if let Some(expression) = template.expressions.get(index) {
                let Some(part) = self.fold(expression).to_text() else { return Value::Unknown };
                text.push_str(&part);
            }
            if !template.expressions.is_empty() && !self.pay(text.len()) {
                return Value::Hidden;
            }
        }
        Value::text(text)
    }

    /// The module that a text names.
    fn module(&mut self, specifier: &'a Expression<'a>) -> Value<'a> {
        match self.fold(specifier).to_text() {
            Some(specifier) => Value::name(module_name(&specifier)),
            None => Value::Hidden,
        }
    }

    /// The first argument, as a text.
    fn first_text(&mut self, call: &'a CallExpression<'a>) -> Option<Rc<str>> {
        let first = call.arguments.first()?.as_expression()?;
        self.fold(first).to_text()
    }

    fn call(&mut self, call: &'a CallExpression<'a>) -> Value<'a> {
        if let Some(value) = self.method(call) {
            return value;
        }
        let callee = self.fold(&call.callee);
        self.result(&callee, call)
    }

    /// What a call of a known function gives.
    fn result(&mut self, callee: &Value<'a>, call: &'a CallExpression<'a>) -> Value<'a> {
        if self.hops >= HOPS_MAX {
            return Value::Hidden;
        }
        self.hops += 1;
        let value = self.result_of(callee, call);
        self.hops -= 1;
        value
    }

    fn result_of(&mut self, callee: &Value<'a>, call: &'a CallExpression<'a>) -> Value<'a> {
        match callee {
            Value::Arrow(arrow) => self.returned(arrow.body.as_expression(), arrow_statements(arrow)),
            Value::Function(function) => {
                let statements = function.body.as_ref().map(|body| &body.statements[..]);
                self.returned(None, statements)
            }
            Value::Either(values) => {
                let results = values.iter().map(|value| self.result(value, call)).collect();
                self.choice(results)
            }
            Value::Name(name) => self.named_result(name, call),
            _ => Value::Unknown,
        }
    }

    fn named_result(&mut self, name: &str, call: &'a CallExpression<'a>) -> Value<'a> {
        let first = call.arguments.first().and_then(|first| first.as_expression());
        match (name, first) {
            ("require", Some(first)) => self.module(first),
            ("module.createRequire" | "module.Module.createRequire", _) => Value::name("require"),
            ("Reflect.get", Some(object)) => self.reflected(object, call),
            ("Function", _) => self.function_of(call),
            ("eval", Some(code)) => match self.fold(code).to_text().as_deref().map(str::trim) {
                Some("this" | "globalThis") => Value::Global,
                Some(name) if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !name.is_empty() => {
                    Value::free(canonical(name))
                }
                _ => Value::Unknown,
            },
            ("String", Some(text)) => self.fold(text).to_text().map_or(Value::Unknown, Value::text),
            ("String.fromCharCode" | "String.fromCodePoint", _) => self.characters(call),
            ("atob", Some(_)) => {
                self.first_text(call).and_then(|text| decoded(&text)).map_or(Value::Unknown, Value::text)
            }
            ("decodeURIComponent" | "decodeURI" | "unescape", Some(_)) => {
                self.first_text(call).and_then(|text| unescaped(&text)).map_or(Value::Unknown, Value::text)
            }
            ("Object.getPrototypeOf" | "Reflect.getPrototypeOf", Some(of)) => match self.fold(of) {
                Value::Arrow(_) | Value::Function(_) => Value::Constructor,
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }

    /// `Function("…")` gives a function; one that returns `this` gives the global object.
    fn function_of(&mut self, call: &'a CallExpression<'a>) -> Value<'a> {
        let Some(code) = call.arguments.last().and_then(|last| last.as_expression()) else {
            return Value::Constructor;
        };
        match self.fold(code).to_text().as_deref().map(|code| code.trim().trim_end_matches(';')) {
            Some("return this" | "return globalThis" | "return global") => Value::name("Function.this"),
            _ => Value::Constructor,
        }
    }

    fn reflected(&mut self, object: &'a Expression<'a>, call: &'a CallExpression<'a>) -> Value<'a> {
        let object = self.fold(object);
        let key = call.arguments.get(1).and_then(|key| key.as_expression());
        match key.and_then(|key| self.fold(key).to_text()) {
            Some(key) => self.member_of(&object, &key),
            None => Value::Hidden,
        }
    }

    /// What a function's only statement returns.
    fn returned(
        &mut self,
        value: Option<&'a Expression<'a>>,
        body: Option<&'a [Statement<'a>]>,
    ) -> Value<'a> {
        let value = value.or_else(|| match body {
            Some([Statement::ReturnStatement(only)]) => only.argument.as_ref(),
            _ => None,
        });
        match value {
            Some(Expression::ThisExpression(_)) => Value::Global,
            Some(value) => self.fold(value),
            None => Value::Unknown,
        }
    }

    /// What `new X()` gives: for `Function` the function, otherwise an object.
    fn made(&mut self, callee: &'a Expression<'a>) -> Value<'a> {
        match self.fold(callee) {
            Value::Name(name) if &*name == "Function" => Value::Constructor,
            Value::Name(name) if &*name == "module" || &*name == "module.Module" => Value::name("module"),
            _ => Value::Unknown,
        }
    }

    fn characters(&mut self, call: &'a CallExpression<'a>) -> Value<'a> {
        let mut text = String::new();
        for argument in &call.arguments {
            let Some(Value::Number(code)) = argument.as_expression().map(|code| self.fold(code)) else {
                return Value::Unknown;
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a saturating cast, then checked"
            )]
            let Some(character) = char::from_u32(code as u32) else { return Value::Unknown };
            text.push(character);
        }
        Value::text(text)
    }

    /// Methods of texts and lists that make texts, and the ways of calling a function by a method of its own.
    fn method(&mut self, call: &'a CallExpression<'a>) -> Option<Value<'a>> {
        let member = call.callee.without_parentheses().as_member_expression()?;
        let object = self.fold(member.object());
        let key = self.key(member)?;
        if let Value::Text(text) = &object
            && !matches!(&*key, "toString" | "valueOf")
            && !self.pay(text.len())
        {
            return Some(Value::Hidden);
        }
        match (&object, &*key) {
            (Value::Name(name), "bind") => Some(Value::Name(name.clone())),
            (Value::Name(_) | Value::Arrow(_) | Value::Function(_), "call" | "apply") => {
                Some(self.result(&object, call))
            }
            (Value::Name(name), "then" | "catch" | "finally") if is_free_module(name) => Some(Value::Unknown),
            (Value::Text(_), "toString" | "valueOf" | "trim") => Some(object),
            (Value::Text(text), "toLowerCase") => Some(Value::text(text.to_lowercase())),
            (Value::Text(text), "toUpperCase") => Some(Value::text(text.to_uppercase())),
            (Value::Text(text), "charAt" | "at") => {
                Some(Value::Text(text.clone()).member(&self.first_text(call)?))
            }
            (Value::Text(text), "split") => Some(Value::split(text, &self.first_text(call)?)),
            (Value::Text(text), "concat") => {
                let mut sum = Value::Text(text.clone());
                for argument in &call.arguments {
                    let next = self.fold(argument.as_expression()?);
                    sum = self.sum(&sum, &next);
                }
                Some(sum)
            }
            (Value::List(list), "reverse") => Some(Value::List(list.iter().rev().cloned().collect())),
            (Value::List(list), "join") if !self.pay(list.len()) => Some(Value::Hidden),
            (Value::List(list), "join") => {
                Some(Value::join(list, &self.first_text(call).unwrap_or_else(|| ",".into())))
            }
            (Value::Array(array), "reverse" | "join") => {
                if array.elements.len() > LIST_MAX || !self.pay(array.elements.len()) {
                    return Some(Value::Unknown);
                }
                let items = self.items(array)?;
                let by = self.first_text(call).unwrap_or_else(|| ",".into());
                let reversed = || Value::List(items.iter().rev().cloned().collect());
                Some(if &*key == "join" { Value::join(&items, &by) } else { reversed() })
            }
            _ => None,
        }
    }

    fn items(&mut self, array: &'a ArrayExpression<'a>) -> Option<Vec<Value<'a>>> {
        array.elements.iter().map(|element| Some(self.fold(element.as_expression()?))).collect()
    }
}

fn arrow_statements<'a>(arrow: &'a ArrowFunctionExpression<'a>) -> Option<&'a [Statement<'a>]> {
    match &arrow.body {
        ArrowFunctionBody::FunctionBody(body) => Some(&body.statements),
        _ => None,
    }
}

/// Base64 as `atob` reads it, where the bytes are ASCII.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// `%65` as the character that it stands for.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).ok()
}
