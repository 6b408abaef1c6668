//! The walk over the tree of a cell in Bash: variables first, then every command, redirection and definition in the
//! order of the code. What a command means by its name is said elsewhere.

use super::Found;
use super::words::{Field, Variable, Words};
use crate::sighting::Seen;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use tree_sitter::{Node, Tree};

/// Commands that give values to the variables that they name.
const BINDERS: [&str; 9] =
    ["getopts", "let", "local", "mapfile", "printf", "read", "readarray", "wait", "coproc"];
/// Files that are not files.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/stderr", "/dev/stdin", "/dev/stdout", "/dev/tty", "/dev/zero"];

/// What is known while walking.
pub(super) struct Walk<'c> {
    pub(super) words: Words<'c>,
    pub(super) found: Vec<Found>,
    /// Code in texts that the cell runs.
    pub(super) inner: Vec<(String, Range<usize>)>,
    /// Functions that are defined so far, surely.
    pub(super) functions: HashSet<String>,
    pub(super) aliases: HashSet<String>,
    /// Places around this one where a definition may not come about, or not be seen outside.
    sheltered: usize,
    /// What stands in the here-document of the statement at hand.
    here: Option<Field>,
}

impl<'c> Walk<'c> {
    pub(super) fn new(code: &'c str) -> Walk<'c> {
        Walk {
            words: Words { code, variables: HashMap::new() },
            found: Vec::new(),
            inner: Vec::new(),
            functions: HashSet::new(),
            aliases: HashSet::new(),
            sheltered: 0,
            here: None,
        }
    }

    pub(super) fn tell(&mut self, seen: Seen, range: Range<usize>) {
        self.found.push((seen, range));
    }

    pub(super) fn unresolved(&mut self, what: &str, range: Range<usize>) {
        self.tell(Seen::Unresolved(what.to_owned()), range);
    }

    pub(super) fn here(&mut self) -> Option<Field> {
        self.here.take()
    }

    /// Finds the variables that have one value in all of the code.
    pub(super) fn bind(&mut self, tree: &Tree) {
        let mut cursor = tree.walk();
        loop {
            self.bind_node(cursor.node());
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    fn bind_node(&mut self, node: Node) {
        match node.kind() {
            "variable_assignment" => {
                let Some(name) = node.child_by_field_name("name") else { return };
                let plain = name.kind() == "variable_name" && !self.words.source(node).contains("+=");
                let value = match node.child_by_field_name("value") {
                    Some(value) if plain => self.words.value(value),
                    None if plain => Variable::Text(String::new()),
                    _ => Variable::Unknown,
                };
                self.set(name, value);
            }
            "for_statement" => {
                if let Some(name) = node.child_by_field_name("variable") {
                    self.set(name, Variable::Unknown);
                }
            }
            "variable_name" if node.parent().is_some_and(|parent| computes(parent)) => {
                self.set(node, Variable::Unknown)
            }
            "command" => {
                let mut cursor = node.walk();
                let mut children =
                    node.named_children(&mut cursor).skip_while(|child| child.kind() != "command_name");
                let binds = children.next().is_some_and(|name| BINDERS.contains(&self.words.source(name)));
                if binds {
                    children.for_each(|argument| self.set(argument, Variable::Unknown));
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, name: Node, value: Variable) {
        let name = self.words.source(name).to_owned();
        let known = self.words.variables.entry(name).or_insert_with(|| value.clone());
        if *known != value {
            *known = Variable::Unknown;
        }
    }

    /// Walks one node and what is in it.
    pub(super) fn node(&mut self, node: Node) {
        match node.kind() {
            "command" => self.command(node),
            "declaration_command" | "unset_command" => self.declaration(node),
            "function_definition" => self.function(node),
            "redirected_statement" => {
                self.here = self.here_document(node);
                self.children(node);
                self.here = None;
            }
            "file_redirect" => self.redirect(node),
            "subshell"
            | "command_substitution"
            | "process_substitution"
            | "pipeline"
            | "if_statement"
            | "while_statement"
            | "for_statement"
            | "c_style_for_statement"
            | "case_statement"
            | "list" => {
                self.sheltered += 1;
                self.children(node);
                self.sheltered -= 1;
            }
            _ => self.children(node),
        }
    }

    fn children(&mut self, node: Node) {
        if node.named_child_count() == 0 {
            return;
        }
        let mut cursor = node.walk();
        let children: Vec<Node> = node.named_children(&mut cursor).collect();
        children.into_iter().for_each(|child| self.node(child));
    }

    fn function(&mut self, node: Node) {
        self.sheltered += 1;
        self.children(node);
        self.sheltered -= 1;
        if let Some(name) = node.child_by_field_name("name")
            && self.sheltered == 0
        {
            self.functions.insert(self.words.source(name).to_owned());
        }
    }

    fn command(&mut self, node: Node) {
        let mut cursor = node.walk();
        let mut fields = Vec::new();
        let mut name = None;
        let here_string = self.here_string(node);
        let mut end = node.start_byte();
        for child in node.children(&mut cursor) {
            let gap = self.words.code.get(end..child.start_byte()).unwrap_or_default();
            if !gap.is_empty() && gap.replace("\\\n", "").is_empty() {
                // Bash reads one word here, the parser two.
                self.unresolved("a word that is broken by the end of a line", child.byte_range());
            }
            end = child.end_byte();
            match child.kind() {
                "command_name" => {
                    name = Some(child.byte_range());
                    fields.extend(self.words.fields(child));
                }
                "variable_assignment" | "file_redirect" | "herestring_redirect" | "comment" => {}
                _ if name.is_some() => fields.extend(self.words.fields(child)),
                _ => {}
            }
        }
        if here_string.is_some() {
            self.here = here_string;
        }
        if let Some(name) = name {
            self.run(&fields, name, true);
        }
        self.children(node);
    }

    fn declaration(&mut self, node: Node) {
        let mut cursor = node.walk();
        let Some(first) = node.children(&mut cursor).next() else { return };
        let name = self.words.source(first).to_owned();
        if name.starts_with("unset") {
            self.functions.clear();
        }
        self.tell(Seen::Call(name), first.byte_range());
        self.children(node);
    }

    /// The text of a here-document that a statement reads.
    fn here_document(&self, node: Node) -> Option<Field> {
        let mut cursor = node.walk();
        let redirect = node.named_children(&mut cursor).find(|child| child.kind() == "heredoc_redirect")?;
        let mut cursor = redirect.walk();
        let body = redirect.named_children(&mut cursor).find(|child| child.kind() == "heredoc_body")?;
        let mut cursor = redirect.walk();
        let start = redirect.named_children(&mut cursor).find(|child| child.kind() == "heredoc_start")?;
        let outline = self.words.source(body).to_owned();
        let literal = self.words.source(start).contains(['\'', '"', '\\']) || !outline.contains(['$', '`']);
        Some(Field { text: literal.then(|| outline.clone()), outline, glob: false })
    }

    fn here_string(&self, node: Node) -> Option<Field> {
        let mut cursor = node.walk();
        let redirect =
            node.named_children(&mut cursor).find(|child| child.kind() == "herestring_redirect")?;
        let word = redirect.named_child(0)?;
        self.words.fields(word).into_iter().next()
    }

    /// Files that are written, and connections that look like files.
    fn redirect(&mut self, node: Node) {
        let mut cursor = node.walk();
        let sign = node.children(&mut cursor).find(|child| !child.is_named()).map(|sign| sign.kind());
        let mut cursor = node.walk();
        let targets: Vec<Node> = node.children_by_field_name("destination", &mut cursor).collect();
        for target in targets {
            let range = target.byte_range();
            for field in self.words.fields(target) {
                let connects = ["/dev/tcp/", "/dev/udp/"].iter().find(|path| field.outline.contains(*path));
                if let Some(path) = connects {
                    self.tell(Seen::Use(path.trim_end_matches('/').to_owned()), range.clone());
                } else if sign.is_some_and(|sign| sign.contains('>')) {
                    self.written(sign, field, range.clone());
                }
            }
        }
        self.children(node);
    }

    fn written(&mut self, sign: Option<&str>, field: Field, range: Range<usize>) {
        let text = field.text.filter(|_| !field.glob);
        let copies = sign == Some(">&")
            && text
                .as_deref()
                .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        let device =
            text.as_deref().is_some_and(|text| DEVICES.contains(&text) || text.starts_with("/dev/fd/"));
        if !copies && !device {
            self.tell(Seen::Write(text), range);
        }
    }
}

/// True for what may give a value to the variable in it.
fn computes(node: Node) -> bool {
    match node.kind() {
        "postfix_expression" => true,
        "unary_expression" => node.child(0).is_some_and(|sign| matches!(sign.kind(), "++" | "--")),
        "binary_expression" => {
            node.child(1).is_some_and(|sign| sign.kind().ends_with('=') && sign.kind() != "==")
        }
        "expansion" => {
            let mut cursor = node.walk();
            node.children(&mut cursor).any(|sign| matches!(sign.kind(), "=" | ":="))
        }
        "declaration_command" | "unset_command" => true,
        _ => false,
    }
}
