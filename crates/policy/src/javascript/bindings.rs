//! What may be behind each variable: every value that is bound or assigned to it anywhere in the code. Which of them it
//! is at a given moment is not asked, so that an assignment elsewhere hides nothing.

use super::names::{is_global_object, module_name};
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_span::Span;
use oxc_syntax::scope::ScopeFlags;
use oxc_syntax::symbol::SymbolId;
use std::collections::HashMap;
use std::rc::Rc;

/// Values of one variable that are told apart.
const SOURCES_MAX: usize = 16;

/// Where a value comes from.
#[derive(Clone)]
pub(super) enum Source<'a> {
    Expression(&'a Expression<'a>),
    Function(&'a Function<'a>),
    Class,
    /// A module, or a name that it exports.
    Module(&'a str, Option<&'a str>),
    /// A part of another value.
    Part(Rc<Source<'a>>, Key<'a>),
    /// A parameter, an item of a loop, a number that is counted up.
    Anything,
    /// More values than are told apart.
    Hidden,
}

/// Which part of a value.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    Name(&'a str),
    Index(usize),
    Computed(&'a Expression<'a>),
    Rest,
}

/// All bindings of the code.
#[derive(Default)]
pub(super) struct Bindings<'a> {
    /// By the variable that is declared.
    pub(super) declared: HashMap<SymbolId, Vec<Source<'a>>>,
    /// By the name of a global variable that is assigned.
    pub(super) global: HashMap<&'a str, Vec<Source<'a>>>,
    /// Patterns whose key the visitor meets nowhere else: what they take and where.
    pub(super) taken: Vec<(Source<'a>, Span)>,
}

/// Collects the bindings, given what each reference refers to.
pub(super) struct Collector<'s, 'a> {
    pub(super) scoping: &'s oxc_semantic::Scoping,
    pub(super) bindings: Bindings<'a>,
}

fn add<'a>(sources: &mut Vec<Source<'a>>, source: Source<'a>) {
    match sources.len() {
        0..SOURCES_MAX => sources.push(source),
        SOURCES_MAX => sources.push(Source::Hidden),
        _ => {}
    }
}

impl<'a> Collector<'_, 'a> {
    fn declare(&mut self, id: &BindingIdentifier<'a>, source: Source<'a>) {
        if let Some(symbol) = id.symbol_id.get() {
            add(self.bindings.declared.entry(symbol).or_default(), source);
        }
    }

    fn assign(&mut self, id: &IdentifierReference<'a>, source: Source<'a>) {
        let symbol = id.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
        let sources = match symbol {
            Some(symbol) => self.bindings.declared.entry(symbol).or_default(),
            None => self.bindings.global.entry(id.name.as_str()).or_default(),
        };
        add(sources, source);
    }

    fn part(&mut self, source: &Source<'a>, key: Key<'a>, span: Span) -> Source<'a> {
        let part = Source::Part(Rc::new(source.clone()), key);
        if !matches!(source, Source::Anything) {
            self.bindings.taken.push((part.clone(), span));
        }
        part
    }

    fn key(&self, key: &PropertyKey<'a>) -> Key<'a> {
        match key {
            PropertyKey::StaticIdentifier(name) => Key::Name(name.name.as_str()),
            PropertyKey::PrivateIdentifier(_) => Key::Rest,
            key => key.as_expression().map_or(Key::Rest, |key| Key::Computed(self.alloc(key))),
        }
    }

    fn bind(&mut self, pattern: &BindingPattern<'a>, source: Source<'a>) {
        match pattern {
            BindingPattern::BindingIdentifier(id) => self.declare(id, source),
            BindingPattern::AssignmentPattern(pattern) => {
                self.bind(&pattern.left, Source::Expression(self.alloc(&pattern.right)));
                self.bind(&pattern.left, source);
            }
            BindingPattern::ObjectPattern(pattern) => {
                for property in &pattern.properties {
                    let part = self.part(&source, self.key(&property.key), property.span);
                    self.bind(&property.value, part);
                }
                if let Some(rest) = &pattern.rest {
                    self.bind(&rest.argument, source);
                }
            }
            BindingPattern::ArrayPattern(pattern) => {
                for (index, element) in pattern.elements.iter().enumerate() {
                    let Some(element) = element else { continue };
                    let part = self.part(&source, Key::Index(index), pattern.span);
                    self.bind(element, part);
                }
                if let Some(rest) = &pattern.rest {
                    self.bind(&rest.argument, Source::Part(Rc::new(source), Key::Rest));
                }
            }
        }
    }

    fn target(&mut self, target: &AssignmentTarget<'a>, source: Source<'a>) {
        match target {
            AssignmentTarget::AssignmentTargetIdentifier(id) => self.assign(id, source),
            AssignmentTarget::ArrayAssignmentTarget(pattern) => {
                for (index, element) in pattern.elements.iter().enumerate() {
                    let Some(element) = element else { continue };
                    let part = self.part(&source, Key::Index(index), pattern.span);
                    self.target_or_default(element, part);
                }
            }
            AssignmentTarget::ObjectAssignmentTarget(pattern) => self.object_target(pattern, &source),
            target => self.member_target(target, source),
        }
    }

    /// `globalThis.name = …` makes a global variable.
    fn member_target(&mut self, target: &AssignmentTarget<'a>, source: Source<'a>) {
        let AssignmentTarget::StaticMemberExpression(member) = target else { return };
        let Expression::Identifier(object) = &member.object else { return };
        if is_global_object(object.name.as_str()) {
            add(self.bindings.global.entry(member.property.name.as_str()).or_default(), source);
        }
    }

    fn object_target(&mut self, pattern: &ObjectAssignmentTarget<'a>, source: &Source<'a>) {
        for property in &pattern.properties {
            match property {
                AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(property) => {
                    let key = Key::Name(property.binding.name.as_str());
                    let part = self.part(source, key, property.span);
                    self.assign(&property.binding, part);
                    if let Some(init) = &property.init {
                        self.assign(&property.binding, Source::Expression(self.alloc(init)));
                    }
                }
                AssignmentTargetProperty::AssignmentTargetPropertyProperty(property) => {
                    let part = self.part(source, self.key(&property.name), property.span);
                    self.target_or_default(&property.binding, part);
                }
            }
        }
        if let Some(rest) = &pattern.rest {
            self.target(&rest.target, source.clone());
        }
    }

    fn target_or_default(&mut self, target: &AssignmentTargetMaybeDefault<'a>, source: Source<'a>) {
        match target {
            AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(with) => {
                self.target(&with.binding, Source::Expression(self.alloc(&with.init)));
                self.target(&with.binding, source);
            }
            target => {
                if let Some(target) = target.as_assignment_target() {
                    self.target(target, source);
                }
            }
        }
    }

    fn loop_items(&mut self, left: &ForStatementLeft<'a>) {
        match left {
            ForStatementLeft::VariableDeclaration(declaration) => {
                for declarator in &declaration.declarations {
                    self.bind(&declarator.id, Source::Anything);
                }
            }
            left => {
                if let Some(target) = left.as_assignment_target() {
                    self.target(target, Source::Anything);
                }
            }
        }
    }

    /// In `import("x").then((m) => …)` the parameter is the module.
    fn promised(&mut self, call: &CallExpression<'a>) {
        let Expression::StaticMemberExpression(callee) = &call.callee else { return };
        if callee.property.name != "then" {
            return;
        }
        let source = Source::Expression(self.alloc(&callee.object));
        let parameters = match call.arguments.first() {
            Some(Argument::ArrowFunctionExpression(arrow)) => &arrow.params,
            Some(Argument::FunctionExpression(function)) => &function.params,
            _ => return,
        };
        if let Some(first) = parameters.items.first() {
            self.bind(&first.pattern, source);
        }
    }
}

impl<'a> Visit<'a> for Collector<'_, 'a> {
    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if let Some(init) = &it.init {
            self.bind(&it.id, Source::Expression(self.alloc(init)));
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        self.bind(&it.pattern, Source::Anything);
        if let Some(init) = &it.initializer {
            self.bind(&it.pattern, Source::Expression(self.alloc(&**init)));
        }
        walk::walk_formal_parameter(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if let Some(id) = &it.id {
            self.declare(id, Source::Function(self.alloc(it)));
        }
        walk::walk_function(self, it, flags);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        if let Some(id) = &it.id {
            self.declare(id, Source::Class);
        }
        walk::walk_class(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        let plain = it.operator.is_assign() || it.operator.is_logical();
        let source = if plain { Source::Expression(self.alloc(&it.right)) } else { Source::Anything };
        self.target(&it.left, source);
        walk::walk_assignment_expression(self, it);
    }

    fn visit_update_expression(&mut self, it: &UpdateExpression<'a>) {
        if let SimpleAssignmentTarget::AssignmentTargetIdentifier(id) = &it.argument {
            self.assign(id, Source::Anything);
        }
        walk::walk_update_expression(self, it);
    }

    fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
        self.loop_items(&it.left);
        walk::walk_for_of_statement(self, it);
    }

    fn visit_for_in_statement(&mut self, it: &ForInStatement<'a>) {
        self.loop_items(&it.left);
        walk::walk_for_in_statement(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.promised(it);
        walk::walk_call_expression(self, it);
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let Some(module) = it.source.value.as_str().map(module_name) else { return };
        for specifier in it.specifiers.iter().flatten() {
            let (local, name) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(named) => {
                    let name = match &named.imported {
                        ModuleExportName::IdentifierName(name) => Some(name.name.as_str()),
                        ModuleExportName::IdentifierReference(name) => Some(name.name.as_str()),
                        ModuleExportName::StringLiteral(name) => name.value.as_str(),
                    };
                    (&named.local, name)
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(named) => (&named.local, None),
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(named) => (&named.local, None),
            };
            self.declare(local, Source::Module(module, name));
        }
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        if let TSModuleReference::ExternalModuleReference(module) = &it.module_reference
            && let Some(module) = module.expression.value.as_str()
        {
            self.declare(&it.id, Source::Module(module_name(module), None));
        }
    }
}
