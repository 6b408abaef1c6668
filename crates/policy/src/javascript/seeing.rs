//! What JavaScript does, told thing by thing: a walk over the whole tree that asks for each name what is behind it.

use super::bindings::Source;
use super::effects;
use super::fold::Folder;
use super::names::{is_free_module, is_known_object, member, module_name};
use super::value::Value;
use crate::sighting::Seen;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};
use std::collections::HashSet;
use std::rc::Rc;

/// Code in a text that the code runs.
pub(super) struct Inner {
    pub(super) code: Rc<str>,
    pub(super) span: Span,
    /// It is a function's body: it may return.
    pub(super) body: bool,
}

/// The walk.
pub(super) struct Seeing<'a> {
    pub(super) folder: Folder<'a>,
    pub(super) seen: Vec<(Seen, Span)>,
    pub(super) inner: Vec<Inner>,
    /// Modules of bare names that were told.
    modules: HashSet<Rc<str>>,
    /// Functions that have a `this` of their own, around this place.
    functions: usize,
}

impl<'a> Seeing<'a> {
    pub(super) fn new(folder: Folder<'a>) -> Seeing<'a> {
        Seeing { folder, seen: Vec::new(), inner: Vec::new(), modules: HashSet::new(), functions: 0 }
    }

    /// What variables take from modules by patterns: `const { exec } = require("child_process")`.
    pub(super) fn tell_patterns(&mut self) {
        for (source, span) in self.folder.taken() {
            if let Source::Part(whole, super::bindings::Key::Computed(key)) = &source
                && self.folder.fold(key).to_text().is_none()
            {
                let whole = self.folder.source(whole);
                self.tell_hidden(&whole, span);
                continue;
            }
            let value = self.folder.source(&source);
            self.tell_use(&value, span);
        }
    }

    pub(super) fn tell(&mut self, seen: Seen, span: Span) {
        self.seen.push((seen, span));
    }

    pub(super) fn unresolved(&mut self, what: &str, span: Span) {
        self.tell(Seen::Unresolved(what.to_owned()), span);
    }

    pub(super) fn import(&mut self, module: &str, span: Span) {
        self.tell(Seen::Import(module_name(module).to_owned()), span);
    }

    /// Tells that names are used; a choice of several tells each.
    fn tell_use(&mut self, value: &Value<'a>, span: Span) {
        let mut names = Vec::new();
        value.each(&mut |value| {
            if let Value::Name(name) = value {
                names.push(name.clone());
            }
        });
        for name in names {
            if !is_prototype(&name) {
                self.tell(Seen::Use(name.to_string()), span);
            }
        }
    }

    /// A member whose name is computed: of a module or of the global object it could be anything.
    fn tell_hidden(&mut self, object: &Value<'a>, span: Span) {
        let mut names = Vec::new();
        object.each(&mut |value| match value {
            Value::Global => names.push("globalThis[…]".to_owned()),
            Value::Name(name) if is_prototype(name) => names.push("[…][…]".to_owned()),
            Value::Name(name) if is_known_object(name) => names.push(format!("{name}[…]")),
            Value::Text(text) if text.is_empty() => names.push("\"\"[…]".to_owned()),
            Value::Array(array) if array.elements.is_empty() => names.push("[][…]".to_owned()),
            Value::Arrow(_) | Value::Function(_) | Value::Constructor => {
                names.push("a function's […]".to_owned())
            }
            _ => {}
        });
        if names.is_empty() {
            self.tell_use(object, span);
        }
        for name in names {
            self.unresolved(&name, span);
        }
    }

    /// Tells what an expression in the place of a name is, and walks what is left of it.
    fn mention(&mut self, expression: &'a Expression<'a>) {
        let value = self.folder.fold(expression);
        self.tell_use(&value, expression.span());
        self.parts(expression);
    }

    /// Walks the parts of a name that is already told: computed keys, calls, the objects that have no name.
    fn parts(&mut self, expression: &'a Expression<'a>) {
        match expression {
            Expression::Identifier(id) => self.free_module(id),
            Expression::ParenthesizedExpression(inner) => self.parts(&inner.expression),
            Expression::AwaitExpression(inner) => self.parts(&inner.argument),
            Expression::TSAsExpression(inner) => self.parts(&inner.expression),
            Expression::TSSatisfiesExpression(inner) => self.parts(&inner.expression),
            Expression::TSTypeAssertion(inner) => self.parts(&inner.expression),
            Expression::TSNonNullExpression(inner) => self.parts(&inner.expression),
            Expression::TSInstantiationExpression(inner) => self.parts(&inner.expression),
            Expression::SequenceExpression(inner) => {
                let Some((last, others)) = inner.expressions.split_last() else { return };
                others.iter().for_each(|other| self.visit_expression(other));
                self.parts(last);
            }
            Expression::ConditionalExpression(choice) => {
                self.visit_expression(&choice.test);
                self.parts(&choice.consequent);
                self.parts(&choice.alternate);
            }
            Expression::LogicalExpression(choice) => {
                self.parts(&choice.left);
                self.parts(&choice.right);
            }
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.visit_call_expression(call),
                ChainElement::TSNonNullExpression(inner) => self.parts(&inner.expression),
                element => {
                    element.as_member_expression().into_iter().for_each(|member| self.member_parts(member))
                }
            },
            expression => match expression.as_member_expression() {
                Some(member) => self.member_parts(self.alloc(member)),
                None => self.visit_expression(expression),
            },
        }
    }

    fn member_parts(&mut self, member: &'a MemberExpression<'a>) {
        if let MemberExpression::ComputedMemberExpression(member) = member {
            self.visit_expression(&member.expression);
        }
        let object = self.folder.fold(member.object());
        let object = if self.is_global_this(member.object()) { Value::Global } else { object };
        let span = member.span();
        match self.folder.key(member) {
            Some(key) => self.reserved(&object, &key, span),
            None => self.tell_hidden(&object, span),
        }
        self.parts(member.object());
    }

    /// Names that lead from any value to the code generator.
    fn reserved(&mut self, object: &Value<'a>, key: &str, span: Span) {
        let dunder = key.len() > 4 && key.starts_with("__") && key.ends_with("__");
        if dunder {
            let chain = if let Value::Name(name) = object { member(name, key) } else { key.to_owned() };
            self.tell(Seen::Dunder(chain), span);
        }
        if key == "constructor" && matches!(object, Value::Constructor) {
            self.tell(Seen::Dunder("constructor.constructor".to_owned()), span);
        }
    }

    /// `this` outside of every function is the global object.
    fn is_global_this(&self, expression: &Expression) -> bool {
        self.functions == 0 && matches!(expression.without_parentheses(), Expression::ThisExpression(_))
    }

    /// A bare name that a cell has as a module.
    fn free_module(&mut self, id: &IdentifierReference<'a>) {
        let name = id.name.as_str();
        if is_free_module(name) && self.folder.is_free(id) && self.modules.insert(name.into()) {
            self.import(name, id.span);
        }
    }

    /// Tells a call: of what, and what it does.
    fn called(&mut self, callee: &'a Expression<'a>, arguments: &'a [Argument<'a>], span: Span) {
        let value = self.callee(callee);
        let mut values = Vec::new();
        value.each(&mut |value| values.push(value.clone()));
        for value in values {
            match value {
                Value::Name(name) => {
                    let tells = !matches!(&*name, "require") && !is_prototype(&name);
                    if tells {
                        self.tell(Seen::Call(name.to_string()), callee.span());
                    }
                    effects::called(self, &name, arguments, span);
                }
                Value::Hidden => self.unresolved("a function behind too many names", callee.span()),
                Value::Constructor if is_constructor(callee) => effects::constructed(self, arguments, span),
                _ => {}
            }
        }
        self.parts(callee);
    }

    /// What is called; `f.call(…)` calls `f`.
    fn callee(&mut self, callee: &'a Expression<'a>) -> Value<'a> {
        if let Some(member) = callee.without_parentheses().as_member_expression()
            && self.is_global_this(member.object())
            && let Some(key) = self.folder.key(self.alloc(member))
        {
            return self.folder.member_of(&Value::Global, &key);
        }
        self.folder.fold(callee)
    }

    pub(super) fn argument(&mut self, arguments: &'a [Argument<'a>], index: usize) -> Option<Value<'a>> {
        let expression = arguments.get(index)?.as_expression()?;
        Some(self.folder.fold(expression))
    }
}

/// Functions that every text, list and promise has: of no interest to a policy.
fn is_prototype(name: &str) -> bool {
    let everywhere = ["Array.prototype.", "String.prototype."].iter().any(|prefix| name.starts_with(prefix));
    everywhere
        || name == "Function.this"
        || [".then", ".catch", ".finally"].iter().any(|end| name.ends_with(end))
}

/// True for `x.constructor`, whatever `x` is.
fn is_constructor(callee: &Expression) -> bool {
    let member = callee.without_parentheses().as_member_expression();
    member.is_some_and(|member| member.static_property_name().is_none_or(|name| name == "constructor"))
}

impl<'a> Visit<'a> for Seeing<'a> {
    fn visit_expression(&mut self, it: &Expression<'a>) {
        let it: &'a Expression<'a> = self.alloc(it);
        match it {
            Expression::Identifier(_) => self.mention(it),
            Expression::ChainExpression(chain) if chain.expression.is_member_expression() => self.mention(it),
            it if it.is_member_expression() => {
                if let Some(member) = it.as_member_expression()
                    && self.is_global_this(member.object())
                {
                    let value = self.callee(it);
                    self.tell_use(&value, it.span());
                }
                self.mention(it);
            }
            it => walk::walk_expression(self, it),
        }
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        let it: &'a CallExpression<'a> = self.alloc(it);
        self.called(&it.callee, &it.arguments, it.span);
        it.arguments.iter().for_each(|argument| self.visit_argument(argument));
    }

    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        let it: &'a NewExpression<'a> = self.alloc(it);
        self.called(&it.callee, &it.arguments, it.span);
        it.arguments.iter().for_each(|argument| self.visit_argument(argument));
    }

    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        let it: &'a TaggedTemplateExpression<'a> = self.alloc(it);
        self.called(&it.tag, &[], it.span);
        let value = self.folder.fold(&it.tag);
        let quasi =
            it.quasi.quasis.first().and_then(|quasi| quasi.value.cooked).and_then(|text| text.as_str());
        effects::tagged(self, &value, quasi.filter(|_| it.quasi.expressions.is_empty()), it.span);
        self.visit_template_literal(&it.quasi);
    }

    fn visit_member_expression(&mut self, it: &MemberExpression<'a>) {
        // An assignment's target, such as `module.exports = …`.
        self.member_parts(self.alloc(it));
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        let it: &'a ImportExpression<'a> = self.alloc(it);
        match self.folder.fold(&it.source).to_text() {
            Some(module) => self.import(&module, it.span),
            None => self.unresolved("import(…)", it.span),
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        if it.import_kind.is_value() {
            let module = it.source.value.as_str().unwrap_or_default();
            self.import(module, it.span);
        }
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        self.import(it.source.value.as_str().unwrap_or_default(), it.span);
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        self.import(it.source.value.as_str().unwrap_or_default(), it.span);
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        if let TSModuleReference::ExternalModuleReference(module) = &it.module_reference {
            self.import(module.expression.value.as_str().unwrap_or_default(), it.span);
        }
    }

    fn visit_with_statement(&mut self, it: &WithStatement<'a>) {
        self.unresolved("with (…)", it.object.span());
        walk::walk_with_statement(self, it);
    }

    fn visit_object_property(&mut self, it: &ObjectProperty<'a>) {
        let proto = match &it.key {
            PropertyKey::StaticIdentifier(name) => name.name == "__proto__",
            PropertyKey::StringLiteral(name) => name.value == "__proto__",
            _ => false,
        };
        if proto {
            self.tell(Seen::Dunder("__proto__".to_owned()), it.key.span());
        }
        walk::walk_object_property(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: oxc_syntax::scope::ScopeFlags) {
        self.functions += 1;
        walk::walk_function(self, it, flags);
        self.functions -= 1;
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.functions += 1;
        walk::walk_class(self, it);
        self.functions -= 1;
    }

    fn visit_v8_intrinsic_expression(&mut self, it: &V8IntrinsicExpression<'a>) {
        self.tell(Seen::Unknown("a V8 intrinsic".to_owned()), it.span);
    }

    fn visit_ts_type(&mut self, _: &TSType<'a>) {
        // Types are gone when the code runs.
    }
}
