//! Calls: what is called, and what the functions do that find, run or write something.

use super::expression::is_lookup;
use super::names;
use super::text;
use super::value::{Value, Values};
use super::walk::Walk;
use crate::sighting::Seen;
use ruff_python_ast::{Expr, ExprCall};
use ruff_python_parser::Mode;
use ruff_text_size::{Ranged, TextRange};
use std::rc::Rc;

/// The arguments of a call, visited; each is handed on unless the function is known to do something with it.
struct Arguments {
    positional: Vec<(Values, TextRange)>,
    keywords: Vec<(String, Values, TextRange)>,
    /// There are arguments that `*` or `**` unpacks.
    unpacked: bool,
    /// So many of the first need not be handed on.
    understood: usize,
    range: TextRange,
}

impl Arguments {
    /// An argument by its place or its name.
    fn get(&self, at: usize, name: &str) -> Option<&Values> {
        let keyword = self.keywords.iter().find(|(keyword, ..)| keyword == name);
        self.positional.get(at).map(|(values, _)| values).or(keyword.map(|(_, values, _)| values))
    }

    /// An argument by its place; anything where it may be unpacked.
    fn first(&self) -> Values {
        self.positional.first().map_or_else(Values::open, |(values, _)| values.clone())
    }

    fn values(&self) -> Vec<Values> {
        self.positional.iter().map(|(values, _)| values.clone()).collect()
    }
}

impl Walk<'_> {
    pub(super) fn call(&mut self, call: &ExprCall) -> Values {
        let callee = self.expression(&call.func);
        let mut arguments = self.arguments(call);
        let range = call.func.range();
        let mut result = Values { known: Vec::new(), open: callee.open };
        for value in &callee.known {
            let given = self.called(value, &mut arguments, range);
            self.scopes.tangled |= !result.join(given);
        }
        if let Expr::Attribute(attribute) = &*call.func {
            self.method_of_unknown(attribute.attr.as_str(), &arguments, range);
        }
        for (values, range) in arguments.positional.iter().skip(arguments.understood) {
            self.hand_on_values(values, *range);
        }
        for (_, values, range) in &arguments.keywords {
            self.hand_on_values(values, *range);
        }
        result.open |= result.known.is_empty();
        result
    }

    fn arguments(&mut self, call: &ExprCall) -> Arguments {
        let mut unpacked = false;
        let mut positional = Vec::new();
        for argument in &call.arguments.args {
            let mut values = self.expression(argument);
            if argument.is_starred_expr() {
                unpacked = true;
                values = self.elements(&values, argument.range());
                values.open = true;
            }
            positional.push((values, argument.range()));
        }
        let mut keywords = Vec::new();
        for keyword in &call.arguments.keywords {
            unpacked |= keyword.arg.is_none();
            let name = keyword.arg.as_ref().map_or_else(String::new, |name| name.to_string());
            keywords.push((name, self.expression(&keyword.value), keyword.value.range()));
        }
        Arguments { positional, keywords, unpacked, understood: 0, range: call.range() }
    }

    fn called(&mut self, value: &Value, arguments: &mut Arguments, range: TextRange) -> Values {
        match value {
            Value::Path(path) => {
                self.tell(range, Seen::Call(path.to_string()));
                self.function_called(path, arguments, range)
            }
            Value::Gives(values) => Values::clone(values),
            Value::Method(of, name) => self.method_called(of, name, arguments, range),
            Value::Getter(chain) => {
                arguments.understood = 1;
                let mut values = arguments.first();
                for name in chain.split('.') {
                    values = self.attribute_of(&values, name, range);
                }
                values
            }
            Value::Caller(name) => {
                arguments.understood = 1;
                let values = self.attribute_of(&arguments.first(), name, range);
                for value in &values.known {
                    if let Value::Path(path) = value {
                        self.tell(range, Seen::Call(path.to_string()));
                    }
                }
                Values::open()
            }
            _ => Values::open(),
        }
    }

    fn function_called(&mut self, path: &str, arguments: &mut Arguments, range: TextRange) -> Values {
        if names::is_getattr(path) {
            return self.getattr(path, arguments, range);
        }
        if names::is_import(path) {
            return self.import_called(path, arguments, range);
        }
        if names::runs_text(path) {
            self.text_run(path, arguments, range);
        }
        if path.starts_with("str.format") {
            self.template(&arguments.first(), range);
        }
        let pickles =
            arguments.keywords.iter().any(|(name, values, _)| name == "allow_pickle" && !values.is_false());
        if path == "numpy.load" && pickles {
            self.tell(range, Seen::Call("pickle.load".into()));
        }
        if names::is_open(path) {
            self.file_opened(arguments, 0, range);
        }
        if names::is_shell(path) || path.starts_with("subprocess.") {
            let text = arguments.get(0, "args").or(arguments.get(0, "cmd")).and_then(command_line);
            self.tell_shell(text, range);
        }
        self.value_of_call(path, arguments, range)
    }

    /// What functions give whose value is followed.
    fn value_of_call(&mut self, path: &str, arguments: &mut Arguments, range: TextRange) -> Values {
        let first = arguments.first();
        match path {
            "globals" | "locals" => Value::Globals.into(),
            "vars" if arguments.positional.is_empty() => Value::Globals.into(),
            "vars" => {
                arguments.understood = 1;
                self.attribute_dict(&first)
            }
            "get_ipython" => Values::path("get_ipython()"),
            "get_ipython().run_line_magic" | "get_ipython().magic" => {
                let words: Vec<&str> =
                    arguments.positional.iter().filter_map(|(values, _)| values.one_text()).collect();
                if words.len() == arguments.positional.len() && !arguments.unpacked {
                    let line = words.join(" ");
                    self.escape(ruff_python_ast::IpyEscapeKind::Magic, &line, arguments.range);
                } else {
                    self.tell(range, Seen::Unresolved("a magic that is computed".into()));
                }
                Values::open()
            }
            "functools.partial" | "functools.partialmethod" | "functools.lru_cache" | "functools.cache" => {
                self.hand_on_values(&first, range);
                arguments.understood = 1;
                first
            }
            "operator.attrgetter" => self.getter(arguments, range, Value::Getter),
            "operator.methodcaller" => self.getter(arguments, range, Value::Caller),
            "chr" => match first.one() {
                Some(Value::Number(code)) => {
                    text::char_of(*code).map_or_else(Values::open, |char| Values::text(char.to_string()))
                }
                _ => Values::open(),
            },
            "str" => text::shown(&first).map_or_else(Values::open, Values::text),
            "bytes" | "bytearray" => text::bytes_of(&first),
            "list" | "tuple" | "set" | "frozenset" | "sorted" | "iter" | "dict"
                if first.known.iter().all(is_container) =>
            {
                arguments.understood = 1;
                let mut values = first;
                values.open |= path == "dict";
                values
            }
            "next" if first.known.iter().all(is_container) => {
                arguments.understood = 1;
                self.elements(&first, range)
            }
            "reversed" => text::reversed(&first),
            "map" => match (first.one(), arguments.get(1, "")) {
                (Some(Value::Path(path)), Some(items)) if &**path == "chr" => text::map_chr(items),
                _ => Values::open(),
            },
            "pathlib.Path" | "pathlib.PosixPath" => Value::File(first.one_text().map(Rc::from)).into(),
            _ => Values::open(),
        }
    }

    fn attribute_dict(&mut self, of: &Values) -> Values {
        let mut values = Values { known: Vec::new(), open: of.open };
        for value in &of.known {
            if let Value::Path(path) = value {
                values.join(Value::Members(path.clone()).into());
            }
        }
        values
    }

    fn getattr(&mut self, path: &str, arguments: &mut Arguments, range: TextRange) -> Values {
        let (texts, is_computed) = arguments.get(1, "name").map_or((Vec::new(), true), Values::texts);
        if is_computed || arguments.unpacked {
            self.tell(range, Seen::Unresolved(format!("{path} with a name that is computed")));
        }
        let is_read = path == "getattr";
        let mut values = Values { known: Vec::new(), open: is_computed };
        // What it is an attribute of has been told, or that the name cannot be seen.
        arguments.understood = 1;
        for name in texts {
            values.join(self.attribute_of(&arguments.first(), &name, range));
        }
        if is_read { values } else { Values::open() }
    }

    fn import_called(&mut self, path: &str, arguments: &Arguments, range: TextRange) -> Values {
        let (names, is_computed) = arguments.get(0, "name").map_or((Vec::new(), true), Values::texts);
        let mut values = Values { known: Vec::new(), open: is_computed };
        if is_computed || arguments.unpacked {
            self.tell(range, Seen::Unresolved("an import of a name that is computed".into()));
        }
        for name in names {
            self.tell(range, Seen::Import(name.to_string()));
            let module: Rc<str> = match path {
                "__import__" | "importlib.__import__" if arguments.get(3, "fromlist").is_none() => {
                    name.split('.').next().unwrap_or(&name).into()
                }
                _ => name,
            };
            self.modules.insert(module.clone());
            values.join(Values::path(module));
        }
        values
    }

    fn text_run(&mut self, path: &str, arguments: &Arguments, range: TextRange) {
        let Some(source) =
            arguments.get(0, "source").or(arguments.get(0, "stmt")).or(arguments.get(0, "expr"))
        else {
            return;
        };
        let mode = if path.starts_with("get_ipython") { Mode::Ipython } else { Mode::Module };
        // Only `@names` are names of Python in what pandas evaluates.
        let is_query = path == "pandas.eval";
        let (texts, is_computed) = source.texts();
        if is_computed && !is_query {
            self.tell(range, Seen::Unresolved(format!("{path} of code that is computed")));
        }
        for text in texts {
            self.nested(text.trim(), arguments.range, mode, is_query);
        }
    }

    /// `open(path, mode)`; the mode is the argument behind the path, if there is a path.
    fn file_opened(&mut self, arguments: &Arguments, at: usize, range: TextRange) {
        let reads = match arguments.get(at + 1, "mode") {
            None => !arguments.unpacked,
            Some(mode) => mode.one_text().is_some_and(|mode| !mode.contains(['w', 'a', 'x', '+'])),
        };
        if reads {
            return;
        }
        let path = arguments.get(at, "file").filter(|_| !arguments.unpacked).and_then(path_of);
        self.tell(range, Seen::Write(path));
    }

    fn method_called(
        &mut self,
        of: &Value,
        name: &str,
        arguments: &mut Arguments,
        range: TextRange,
    ) -> Values {
        match of {
            Value::Members(_) | Value::Globals if is_lookup(name) => {
                let index = arguments.first();
                self.item(&of.clone().into(), &index, range)
            }
            Value::Members(_) | Value::Globals => {
                self.hand_on_values(&of.clone().into(), range);
                Values::open()
            }
            Value::File(path) => {
                if matches!(
                    name,
                    "write_text" | "write_bytes" | "touch" | "mkdir" | "unlink" | "rename" | "rmdir"
                ) {
                    self.tell(range, Seen::Write(path.as_deref().map(str::to_owned)));
                }
                if name == "open" {
                    self.path_opened(path.as_deref(), arguments, range);
                }
                text::method(of, name, &arguments.values())
            }
            Value::Text(_) if name.starts_with("format") => {
                self.template(&of.clone().into(), range);
                text::method(of, name, &arguments.values())
            }
            _ => text::method(of, name, &arguments.values()),
        }
    }

    /// A template for `format` reaches attributes: `{0.__class__}`.
    fn template(&mut self, template: &Values, range: TextRange) {
        for text in template.texts().0 {
            if let Some(dunder) = text::dunder_in_template(&text) {
                self.tell(range, Seen::Dunder(format!("format.{dunder}")));
            }
        }
    }

    fn path_opened(&mut self, path: Option<&str>, arguments: &Arguments, range: TextRange) {
        let mode = arguments.get(0, "mode").map(|mode| mode.one_text().unwrap_or("w"));
        if mode.is_some_and(|mode| mode.contains(['w', 'a', 'x', '+'])) {
            self.tell(range, Seen::Write(path.map(str::to_owned)));
        }
    }

    /// What methods do whose object is not known: tables and figures that are written, queries of pandas.
    fn method_of_unknown(&mut self, method: &str, arguments: &Arguments, range: TextRange) {
        let path = ["path_or_buf", "path", "fname", "excel_writer", "filename", "file"]
            .iter()
            .find_map(|name| arguments.get(0, name))
            .or(arguments.get(0, ""))
            .and_then(path_of);
        if names::is_writer(method)
            && let Some(path) = path
        {
            self.tell(range, Seen::Write(Some(path)));
        }
        if matches!(method, "format" | "vformat" | "format_map") {
            self.template(&arguments.first(), range);
        }
        if matches!(method, "query" | "eval")
            && let Some(text) = arguments.first().one_text()
        {
            self.nested(text.trim(), arguments.range, Mode::Module, true);
        }
    }

    fn getter(&mut self, arguments: &mut Arguments, range: TextRange, value: fn(Rc<str>) -> Value) -> Values {
        let mut values = Values::default();
        let all = if arguments.positional.is_empty() { vec![Values::open()] } else { arguments.values() };
        for argument in all {
            let (texts, is_computed) = argument.texts();
            if is_computed || arguments.unpacked {
                self.tell(range, Seen::Unresolved("the name of an attribute is computed".into()));
                values.open = true;
            }
            for name in texts {
                // Told here, because it may be called where that is not followed.
                for part in name.split('.') {
                    self.attribute_of(&Values::open(), part, range);
                }
                values.join(value(name).into());
            }
        }
        values
    }
}

fn is_container(value: &Value) -> bool {
    matches!(value, Value::Items(_) | Value::Table(_))
}

/// The path that a constant names.
fn path_of(values: &Values) -> Option<String> {
    match values.one()? {
        Value::Text(path) => Some(path.to_string()),
        Value::File(path) => path.as_deref().map(str::to_owned),
        _ => None,
    }
}

/// The command line that a string or a list of strings is.
fn command_line(values: &Values) -> Option<String> {
    match values.one()? {
        Value::Text(text) => Some(text.to_string()),
        Value::Items(items) => {
            let words: Option<Vec<&str>> = items.iter().map(Values::one_text).collect();
            words.map(|words| words.join(" "))
        }
        _ => None,
    }
}
