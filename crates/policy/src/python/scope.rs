//! Which names stand for what, in which part of the code.
//!
//! A name is all that it is ever bound to in its scope. Only one question looks at the order: whether a use of a
//! builtin's name can still be the builtin.

use super::value::{Value, Values};
use ruff_python_ast::name::Name;
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Module,
    Class,
    /// A function, a lambda or a comprehension: a name that is bound anywhere in it is its own everywhere in it.
    Function,
}

/// What a name may be.
#[derive(Debug, Default)]
struct Binding {
    values: Values,
    /// From this byte on the name is surely bound.
    surely_from: Option<usize>,
    deleted: bool,
}

#[derive(Debug)]
struct Scope {
    kind: Kind,
    parent: usize,
    names: HashMap<Name, Binding>,
    /// Names that `global` hands to the module.
    globals: HashSet<Name>,
    nonlocals: HashSet<Name>,
}

/// All scopes of a cell.
#[derive(Debug)]
pub(super) struct Scopes {
    all: Vec<Scope>,
    by_place: HashMap<(u64, usize), usize>,
    pub(super) current: usize,
    /// Modules whose names all are imported.
    pub(super) stars: Vec<std::rc::Rc<str>>,
    /// Whether a name became something new in this round.
    pub(super) grew: bool,
    /// Too many alternatives: something was forgotten.
    pub(super) tangled: bool,
    /// From the third round on only names are added: a text that grows with each round must not.
    pub(super) round: u32,
}

impl Scopes {
    pub(super) fn new() -> Scopes {
        Scopes {
            all: vec![Scope::new(Kind::Module, 0)],
            by_place: HashMap::new(),
            current: 0,
            stars: Vec::new(),
            grew: false,
            tangled: false,
            round: 0,
        }
    }

    /// Enters the scope that begins at this place; returns the one to go back to.
    pub(super) fn enter(&mut self, kind: Kind, place: (u64, usize)) -> usize {
        let before = self.current;
        let next = self.all.len();
        self.current = *self.by_place.entry(place).or_insert(next);
        if self.current == next {
            self.all.push(Scope::new(kind, before));
        }
        before
    }

    pub(super) fn declare_global(&mut self, name: &Name) {
        self.all[self.current].globals.insert(name.clone());
    }

    pub(super) fn declare_nonlocal(&mut self, name: &Name) {
        self.all[self.current].nonlocals.insert(name.clone());
    }

    pub(super) fn add_star(&mut self, module: &str) {
        if !self.stars.iter().any(|known| &**known == module) {
            self.stars.push(module.into());
            self.grew = true;
        }
    }

    /// Binds a name in the current scope, surely from a byte on or only perhaps.
    pub(super) fn bind(&mut self, name: &Name, values: Values, surely_from: Option<usize>) {
        let (scope, surely_from) = self.owner(name, surely_from);
        let (round, mut grew) = (self.round, false);
        let binding = self.all[scope].names.entry(name.clone()).or_insert_with(|| {
            grew = true;
            Binding::default()
        });
        let earlier = match (binding.surely_from, surely_from) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        grew |= earlier != binding.surely_from;
        binding.surely_from = earlier;
        let before = (binding.values.known.len(), binding.values.open);
        let kept = binding.values.join(if round > 1 { names_only(values, &binding.values) } else { values });
        grew |= before != (binding.values.known.len(), binding.values.open);
        self.grew |= grew;
        self.tangled |= !kept;
    }

    /// After `del` a builtin's name is the builtin again.
    pub(super) fn unbind(&mut self, name: &Name) {
        let (scope, _) = self.owner(name, None);
        if let Some(binding) = self.all[scope].names.get_mut(name) {
            self.grew |= !binding.deleted;
            binding.deleted = true;
        }
    }

    /// Which scope a name that is bound here belongs to.
    fn owner(&self, name: &Name, surely_from: Option<usize>) -> (usize, Option<usize>) {
        let scope = &self.all[self.current];
        if scope.globals.contains(name) {
            return (0, None);
        }
        if scope.nonlocals.contains(name) {
            let mut at = scope.parent;
            while at != 0 && !self.all[at].names.contains_key(name) {
                at = self.all[at].parent;
            }
            return (at, None);
        }
        (self.current, surely_from)
    }

    /// What a name may be where it is used; the flag says that it may also be a builtin or come from elsewhere.
    pub(super) fn find(&self, name: &Name, used_at: usize) -> (Values, bool) {
        let mut values = Values::default();
        let mut at = self.current;
        loop {
            let scope = &self.all[at];
            let is_global = at != 0 && scope.globals.contains(name);
            let visible = scope.kind != Kind::Class || at == self.current;
            if let Some(binding) = scope.names.get(name).filter(|_| visible && !is_global) {
                values.join(binding.values.clone());
                let surely = binding.surely_from.is_some_and(|from| from <= used_at) && !binding.deleted;
                if surely || scope.kind == Kind::Function {
                    return (values, false);
                }
            }
            if at == 0 {
                return (values, true);
            }
            at = if is_global { 0 } else { scope.parent };
        }
    }
}

impl Scope {
    fn new(kind: Kind, parent: usize) -> Scope {
        Scope { kind, parent, names: HashMap::new(), globals: HashSet::new(), nonlocals: HashSet::new() }
    }
}

fn names_only(mut values: Values, known: &Values) -> Values {
    let all = values.known.len();
    values.known.retain(|value| matches!(value, Value::Path(_)) || known.known.contains(value));
    values.open |= values.known.len() < all;
    values
}
