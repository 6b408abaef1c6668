//! Statements: what they bind, and which of them may not run.

use super::scope::Kind;
use super::value::{Value, Values};
use super::walk::Walk;
use crate::sighting::Seen;
use ruff_python_ast::name::Name;
use ruff_python_ast::{
    ExceptHandler, Expr, ParameterWithDefault, Parameters, Pattern, Stmt, StmtClassDef, StmtFunctionDef,
    StmtImport, StmtImportFrom, TypeParam, TypeParams,
};
use ruff_text_size::{Ranged, TextRange};

impl Walk<'_> {
    pub(super) fn body(&mut self, body: &[Stmt]) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FunctionDef(def) => self.function(def),
            Stmt::ClassDef(def) => self.class(def),
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::Assign(assign) => {
                let values = self.expression(&assign.value);
                for target in &assign.targets {
                    self.bind(target, &values, assign.value.range());
                }
            }
            Stmt::AnnAssign(assign) => {
                self.hand_on(&assign.annotation);
                if let Some(value) = &assign.value {
                    let values = self.expression(value);
                    self.bind(&assign.target, &values, value.range());
                }
            }
            Stmt::AugAssign(assign) => {
                let before = self.expression(&assign.target);
                let added = self.expression(&assign.value);
                let values = self.operator(
                    assign.op,
                    (&before, assign.target.range()),
                    (&added, assign.value.range()),
                );
                self.bind(&assign.target, &values, assign.range);
            }
            Stmt::TypeAlias(alias) => {
                self.type_params(alias.type_params.as_deref());
                self.hand_on(&alias.value);
                self.bind(&alias.name, &Values::open(), alias.range);
            }
            Stmt::Delete(delete) => delete.targets.iter().for_each(|target| self.delete(target)),
            Stmt::Global(global) => global.names.iter().for_each(|name| self.scopes.declare_global(&name.id)),
            Stmt::Nonlocal(nonlocal) => {
                nonlocal.names.iter().for_each(|name| self.scopes.declare_nonlocal(&name.id))
            }
            Stmt::Return(it) => self.hand_on_all(it.value.as_deref()),
            Stmt::Expr(it) => self.hand_on(&it.value),
            Stmt::Raise(it) => self.hand_on_all(it.exc.as_deref().into_iter().chain(it.cause.as_deref())),
            Stmt::Assert(it) => self.hand_on_all(std::iter::once(&*it.test).chain(it.msg.as_deref())),
            Stmt::IpyEscapeCommand(it) => {
                self.escape(it.kind, &it.value, it.range);
            }
            Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) => {}
            Stmt::For(_) | Stmt::While(_) | Stmt::If(_) | Stmt::With(_) | Stmt::Match(_) | Stmt::Try(_) => {
                self.compound(statement);
            }
        }
    }

    fn compound(&mut self, statement: &Stmt) {
        match statement {
            Stmt::For(it) => {
                let values = self.expression(&it.iter);
                let each = self.elements(&values, it.iter.range());
                self.perhaps(|walk| {
                    walk.bind(&it.target, &each, it.iter.range());
                    walk.body(&it.body);
                    walk.body(&it.orelse);
                });
            }
            Stmt::While(it) => {
                self.hand_on(&it.test);
                self.perhaps(|walk| {
                    walk.body(&it.body);
                    walk.body(&it.orelse);
                });
            }
            Stmt::If(it) => {
                self.hand_on(&it.test);
                self.perhaps(|walk| {
                    walk.body(&it.body);
                    for clause in &it.elif_else_clauses {
                        walk.hand_on_all(&clause.test);
                        walk.body(&clause.body);
                    }
                });
            }
            Stmt::With(it) => {
                for item in &it.items {
                    self.hand_on(&item.context_expr);
                    if let Some(target) = &item.optional_vars {
                        self.bind(target, &Values::open(), item.context_expr.range());
                    }
                }
                self.body(&it.body);
            }
            Stmt::Match(it) => {
                let subject = self.expression(&it.subject);
                self.hand_on_values(&subject, it.subject.range());
                self.perhaps(|walk| {
                    for case in &it.cases {
                        walk.pattern(&case.pattern, &subject);
                        walk.hand_on_all(case.guard.as_deref());
                        walk.body(&case.body);
                    }
                });
            }
            Stmt::Try(it) => self.perhaps(|walk| {
                walk.body(&it.body);
                for ExceptHandler::ExceptHandler(handler) in &it.handlers {
                    walk.hand_on_all(handler.type_.as_deref());
                    if let Some(name) = &handler.name {
                        walk.scopes.bind(&name.id, Values::open(), None);
                    }
                    walk.body(&handler.body);
                }
                walk.body(&it.orelse);
                walk.body(&it.finalbody);
            }),
            _ => {}
        }
    }

    pub(super) fn hand_on_all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr>) {
        expressions.into_iter().for_each(|expression| self.hand_on(expression));
    }

    /// Binds whatever a target names; the range is that of the value.
    pub(super) fn bind(&mut self, target: &Expr, values: &Values, range: TextRange) {
        match target {
            Expr::Name(name) => {
                self.alias(values, range);
                let surely = self.surely(range.end().max(name.range.end()));
                self.scopes.bind(&name.id, values.clone(), surely);
            }
            Expr::Tuple(tuple) => self.unpack(&tuple.elts, values, range),
            Expr::List(list) => self.unpack(&list.elts, values, range),
            Expr::Starred(starred) => {
                let each = self.elements(values, range);
                self.bind(&starred.value, &Value::Items([each].into()).into(), range);
            }
            target => {
                self.hand_on_values(values, range);
                self.expression(target);
            }
        }
    }

    fn unpack(&mut self, targets: &[Expr], values: &Values, range: TextRange) {
        let starred = targets.iter().any(Expr::is_starred_expr);
        let fits = match values.one() {
            Some(Value::Items(items)) if items.len() == targets.len() && !starred => Some(items.clone()),
            _ => None,
        };
        let each = self.elements(values, range);
        for (at, target) in targets.iter().enumerate() {
            let own = fits.as_ref().map_or(&each, |items| &items[at]);
            let starred = match target {
                Expr::Starred(starred) => {
                    Some((&*starred.value, Values::from(Value::Items([own.clone()].into()))))
                }
                _ => None,
            };
            match starred {
                Some((target, own)) => self.bind(target, &own, range),
                None => self.bind(target, own, range),
            }
        }
    }

    /// Tells the names that get another name here. Modules are followed, and a later cell is not seen anyway.
    fn alias(&mut self, values: &Values, range: TextRange) {
        for value in &values.known {
            match value {
                Value::Path(path) if !self.modules.contains(path) => self.mention(path, range),
                Value::Path(_) => {}
                Value::Items(items) => items.iter().for_each(|values| self.alias(values, range)),
                Value::Table(items) => items.iter().for_each(|(_, values)| self.alias(values, range)),
                _ => {}
            }
        }
    }

    fn delete(&mut self, target: &Expr) {
        match target {
            Expr::Name(name) => self.scopes.unbind(&name.id),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.delete(target)),
            Expr::List(list) => list.elts.iter().for_each(|target| self.delete(target)),
            target => self.hand_on(target),
        }
    }

    fn import(&mut self, import: &StmtImport) {
        for alias in &import.names {
            let module = alias.name.as_str();
            self.tell(alias.range, Seen::Import(module.to_owned()));
            let (name, path) = match &alias.asname {
                Some(name) => (name.id.clone(), module),
                None => {
                    let root = module.split('.').next().unwrap_or(module);
                    (Name::new(root), root)
                }
            };
            self.modules.insert(path.into());
            let surely = self.surely(alias.range.end());
            self.scopes.bind(&name, Values::path(path), surely);
        }
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let dots = ".".repeat(import.level as usize);
        let module = format!("{dots}{}", import.module.as_deref().unwrap_or_default());
        for alias in &import.names {
            if alias.name.as_str() == "*" {
                self.tell(import.range, Seen::StarImport(module.clone()));
                self.scopes.add_star(&module);
                continue;
            }
            self.tell(alias.range, Seen::Import(format!("{module}.{}", alias.name.as_str())));
            let values = self.member(&module, alias.name.as_str(), alias.range);
            self.alias(&values, alias.range);
            let name = alias.asname.as_ref().unwrap_or(&alias.name);
            let surely = self.surely(alias.range.end());
            self.scopes.bind(&name.id, values, surely);
        }
    }

    fn function(&mut self, def: &StmtFunctionDef) {
        for decorator in &def.decorator_list {
            self.decorate(&decorator.expression);
        }
        let defaults = self.defaults(&def.parameters);
        let surely = self.surely(def.name.range.end());
        self.scopes.bind(&def.name.id, Values::open(), surely);
        let before = self.scopes.enter(Kind::Function, self.place_of_scope(def.name.range));
        self.type_params(def.type_params.as_deref());
        self.annotations(&def.parameters, def.returns.as_deref());
        self.parameters(&def.parameters, &defaults);
        self.body(&def.body);
        self.scopes.current = before;
    }

    fn class(&mut self, def: &StmtClassDef) {
        for decorator in &def.decorator_list {
            self.decorate(&decorator.expression);
        }
        if let Some(arguments) = &def.arguments {
            self.hand_on_all(&arguments.args);
            self.hand_on_all(arguments.keywords.iter().map(|keyword| &keyword.value));
        }
        let surely = self.surely(def.range.end());
        self.scopes.bind(&def.name.id, Values::open(), surely);
        let before = self.scopes.enter(Kind::Class, self.place_of_scope(def.name.range));
        self.type_params(def.type_params.as_deref());
        self.body(&def.body);
        self.scopes.current = before;
    }

    /// A decorator is called with what it decorates.
    fn decorate(&mut self, expression: &Expr) {
        let values = self.expression(expression);
        for value in &values.known {
            if let Value::Path(path) = value {
                self.tell(expression.range(), Seen::Call(path.to_string()));
                self.mention(path, expression.range());
            }
        }
    }

    /// Visits the defaults, which belong to the scope around.
    pub(super) fn defaults(&mut self, parameters: &Parameters) -> Vec<(Name, Values)> {
        let mut defaults = Vec::new();
        for ParameterWithDefault { parameter, default, .. } in parameters.iter_non_variadic_params() {
            let mut values = Values::open();
            if let Some(default) = default {
                let own = self.expression(default);
                self.alias(&own, default.range());
                values.join(own);
            }
            defaults.push((parameter.name.id.clone(), values));
        }
        defaults
    }

    pub(super) fn parameters(&mut self, parameters: &Parameters, defaults: &[(Name, Values)]) {
        for (name, values) in defaults {
            self.scopes.bind(name, values.clone(), None);
        }
        for parameter in parameters.vararg.iter().chain(&parameters.kwarg) {
            self.scopes.bind(&parameter.name.id, Values::open(), None);
        }
    }

    fn annotations(&mut self, parameters: &Parameters, returns: Option<&Expr>) {
        let annotations = parameters.iter().filter_map(|parameter| parameter.annotation());
        annotations.chain(returns).for_each(|annotation| self.hand_on(annotation));
    }

    fn type_params(&mut self, params: Option<&TypeParams>) {
        for param in params.iter().flat_map(|params| &params.type_params) {
            let (name, bound, default) = match param {
                TypeParam::TypeVar(it) => (&it.name, it.bound.as_deref(), it.default.as_deref()),
                TypeParam::TypeVarTuple(it) => (&it.name, None, it.default.as_deref()),
                TypeParam::ParamSpec(it) => (&it.name, None, it.default.as_deref()),
            };
            self.hand_on_all(bound.into_iter().chain(default));
            self.scopes.bind(&name.id, Values::open(), None);
        }
    }

    fn pattern(&mut self, pattern: &Pattern, subject: &Values) {
        match pattern {
            Pattern::MatchValue(it) => self.hand_on(&it.value),
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(it) => {
                let each = self.elements(subject, it.range);
                it.patterns.iter().for_each(|pattern| self.pattern(pattern, &each));
            }
            Pattern::MatchMapping(it) => {
                self.hand_on_all(&it.keys);
                let each = self.elements(subject, it.range);
                it.patterns.iter().for_each(|pattern| self.pattern(pattern, &each));
                self.capture(it.rest.as_ref(), subject);
            }
            Pattern::MatchClass(it) => {
                self.hand_on(&it.cls);
                it.arguments.patterns.iter().for_each(|pattern| self.pattern(pattern, subject));
                for keyword in &it.arguments.keywords {
                    let values = self.attribute_of(subject, keyword.attr.as_str(), keyword.range);
                    self.pattern(&keyword.pattern, &values);
                }
            }
            Pattern::MatchStar(it) => self.capture(it.name.as_ref(), subject),
            Pattern::MatchAs(it) => {
                if let Some(inner) = &it.pattern {
                    self.pattern(inner, subject);
                }
                self.capture(it.name.as_ref(), subject);
            }
            Pattern::MatchOr(it) => it.patterns.iter().for_each(|pattern| self.pattern(pattern, subject)),
        }
    }

    fn capture(&mut self, name: Option<&ruff_python_ast::Identifier>, values: &Values) {
        if let Some(name) = name {
            self.scopes.bind(&name.id, values.clone(), None);
        }
    }
}
