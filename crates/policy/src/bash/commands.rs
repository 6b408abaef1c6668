//! What commands of Bash do beyond being run: run other commands, run code from a text or a file, write files.

use super::walk::Walk;
use super::words::Field;
use crate::sighting::Seen;
use std::ops::Range;

/// A command that runs the command behind its options.
struct Wrapper {
    name: &'static str,
    /// Options of one letter whose argument is a word of its own.
    with_argument: &'static str,
    /// Words between the options and the command.
    words: usize,
}

const fn wrapper(name: &'static str, with_argument: &'static str, words: usize) -> Wrapper {
    Wrapper { name, with_argument, words }
}

const WRAPPERS: [Wrapper; 26] = [
    wrapper("builtin", "", 0),
    wrapper("busybox", "", 0),
    wrapper("chroot", "", 1),
    wrapper("chrt", "", 1),
    wrapper("command", "", 0),
    wrapper("coproc", "", 0),
    wrapper("doas", "uC", 0),
    wrapper("env", "uCS", 0),
    wrapper("exec", "a", 0),
    wrapper("flock", "wE", 1),
    wrapper("ionice", "cn", 0),
    wrapper("ltrace", "eopu", 0),
    wrapper("nice", "n", 0),
    wrapper("nohup", "", 0),
    wrapper("nsenter", "t", 0),
    wrapper("parallel", "jNn", 0),
    wrapper("setsid", "", 0),
    wrapper("stdbuf", "ioe", 0),
    wrapper("strace", "eopEu", 0),
    wrapper("sudo", "ugpCDhRTUr", 0),
    wrapper("time", "fo", 0),
    wrapper("timeout", "ks", 1),
    wrapper("toybox", "", 0),
    wrapper("unshare", "", 0),
    wrapper("watch", "n", 0),
    wrapper("xargs", "IELnPsda", 0),
];

const SHELLS: [&str; 8] = ["ash", "bash", "dash", "ksh", "mksh", "rbash", "sh", "zsh"];
/// Programs that run code of another language from an argument, and the options that say so.
const LANGUAGES: [(&str, &str); 8] = [
    ("node", "-e"),
    ("perl", "-e"),
    ("php", "-r"),
    ("python", "-c"),
    ("python2", "-c"),
    ("python3", "-c"),
    ("ruby", "-e"),
    ("lua", "-e"),
];
/// Folders whose programs are known by their bare name.
const FOLDERS: [&str; 6] =
    ["/bin/", "/sbin/", "/usr/bin/", "/usr/local/bin/", "/usr/local/sbin/", "/usr/sbin/"];
/// Wrappers inside each other.
const WRAPPED_MAX: usize = 50;

impl Walk<'_> {
    /// Tells the command that begins with the first word, and those that it runs.
    pub(super) fn run(&mut self, words: &[Field], range: Range<usize>, by_shell: bool) {
        let mut rest = words;
        let mut by_shell = by_shell;
        for _ in 0..WRAPPED_MAX {
            let Some(first) = rest.first() else { return };
            let Some(text) = first.text.as_deref().filter(|_| !first.glob) else {
                return self.unresolved("a command whose name is computed", range);
            };
            if by_shell && (self.functions.contains(text) || self.aliases.contains(text)) {
                return;
            }
            let name = program(text).to_owned();
            let arguments = &rest[1..];
            self.tell(Seen::Call(name.clone()), range.clone());
            let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else {
                return self.effects(&name, arguments, range);
            };
            if name == "command"
                && arguments.first().is_some_and(|option| matches!(option.text.as_deref(), Some("-v" | "-V")))
            {
                return;
            }
            if name == "env"
                && arguments
                    .iter()
                    .any(|option| option.outline.starts_with("-S") || option.outline.starts_with("--split"))
            {
                return self.unresolved("a command in a text", range);
            }
            rest = wrapped(wrapper, arguments);
            by_shell = false;
        }
        self.unresolved("a command behind too many others", range);
    }

    fn effects(&mut self, name: &str, arguments: &[Field], range: Range<usize>) {
        match name {
            "eval" => self.code(arguments, true, range),
            "source" | "." => self.unresolved("code in a file", range),
            "alias" => self.alias(arguments, range),
            "trap" => {
                let words: Vec<Field> =
                    arguments.iter().filter(|word| word.outline != "--").cloned().collect();
                let lists = words.first().is_none_or(|word| word.outline.starts_with('-'));
                if !lists && words.len() > 1 {
                    self.code(&words[..1], false, range);
                }
            }
            "su" => self.shell(arguments, range),
            "find" => self.find(arguments, range),
            "tee" => {
                for file in arguments
                    .iter()
                    .filter(|word| !word.outline.starts_with('-') && word.outline != "/dev/null")
                {
                    self.tell(Seen::Write(file.text.clone()), range.clone());
                }
            }
            "dd" => {
                for file in arguments
                    .iter()
                    .filter_map(|word| word.outline.strip_prefix("of=").map(|path| (word, path)))
                {
                    let known = file.0.text.as_ref().map(|_| file.1.to_owned());
                    self.tell(Seen::Write(known), range.clone());
                }
            }
            "awk" | "gawk" | "mawk" | "nawk" => {
                let starts = |word: &Field| {
                    ["system(", "system (", "| \"", "|\"", "|&", "\" |", "\"|"]
                        .iter()
                        .any(|sign| word.outline.contains(sign))
                };
                if arguments.iter().any(starts) {
                    self.unresolved("commands in an awk program", range);
                }
            }
            _ if SHELLS.contains(&name) => self.shell(arguments, range),
            _ => {
                let option =
                    LANGUAGES.iter().find(|(language, _)| *language == name).map(|(_, option)| *option);
                if option.is_some_and(|option| arguments.iter().any(|word| word.outline == option)) {
                    self.unresolved("code of another language in a text", range);
                }
            }
        }
    }

    /// Code that stands in words. What has holes in it is looked at as far as it goes.
    fn code(&mut self, words: &[Field], tells_holes: bool, range: Range<usize>) {
        if tells_holes && words.iter().any(|word| word.text.is_none()) {
            self.unresolved("code in a text that is made when it runs", range.clone());
        }
        let outlines: Vec<&str> = words.iter().map(|word| word.outline.as_str()).collect();
        let code = outlines.join(" ");
        if !code.trim().is_empty() {
            self.inner.push((code, range));
        }
    }

    /// A shell: its code is the word behind `-c`, a file, or what it reads.
    fn shell(&mut self, arguments: &[Field], range: Range<usize>) {
        let is_option = |word: &Field| word.outline.starts_with(['-', '+']) && word.outline.len() > 1;
        let runs_text = |word: &Field| {
            word.outline.starts_with('-') && !word.outline.starts_with("--") && word.outline.contains('c')
        };
        if let Some(at) = arguments.iter().position(runs_text) {
            let code = arguments[at + 1..].iter().find(|word| !is_option(word));
            return self.code(code.map(std::slice::from_ref).unwrap_or_default(), true, range);
        }
        if arguments.iter().any(|word| matches!(word.outline.as_str(), "--version" | "--help" | "-n")) {
            return;
        }
        match self.here() {
            Some(code) if arguments.iter().all(is_option) => self.code(&[code], true, range),
            _ => self.unresolved("code that a shell reads", range),
        }
    }

    fn alias(&mut self, arguments: &[Field], range: Range<usize>) {
        for word in arguments.iter().filter(|word| !word.outline.starts_with('-')) {
            let Some((name, code)) = word.outline.split_once('=') else { continue };
            self.aliases.insert(name.to_owned());
            let text = word.text.as_ref().map(|_| code.to_owned());
            self.code(&[Field { text, outline: code.to_owned(), glob: false }], true, range.clone());
        }
    }

    /// `find … -exec command … ;`
    fn find(&mut self, arguments: &[Field], range: Range<usize>) {
        for (at, word) in arguments.iter().enumerate() {
            if matches!(word.outline.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
                let command = &arguments[at + 1..];
                let end = command
                    .iter()
                    .position(|word| matches!(word.outline.as_str(), ";" | "+"))
                    .unwrap_or(command.len());
                self.run(&command[..end], range.clone(), false);
            }
        }
    }
}

/// A program by its bare name, if it comes from a folder of programs.
fn program(path: &str) -> &str {
    FOLDERS
        .iter()
        .find_map(|folder| path.strip_prefix(folder))
        .filter(|name| !name.contains('/'))
        .unwrap_or(path)
}

/// What is behind a wrapper's options, its own words and assignments.
fn wrapped<'w>(wrapper: &Wrapper, arguments: &'w [Field]) -> &'w [Field] {
    let mut rest = arguments;
    let mut skip = wrapper.words;
    while let Some(first) = rest.first() {
        let word = first.outline.as_str();
        let option = word.starts_with('-') && word.len() > 1;
        let assigns = matches!(wrapper.name, "env" | "sudo" | "doas") && word.contains('=');
        if word == "--" {
            rest = &rest[1..];
            break;
        }
        if option {
            let separate = word.len() == 2
                && word.chars().nth(1).is_some_and(|letter| wrapper.with_argument.contains(letter));
            rest = rest.get(1 + usize::from(separate)..).unwrap_or_default();
        } else if assigns {
            rest = &rest[1..];
        } else {
            break;
        }
    }
    while skip > 0 && !rest.is_empty() {
        rest = &rest[1..];
        skip -= 1;
    }
    rest
}
