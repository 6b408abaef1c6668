//! What to do next about an error: short sentences for whoever writes the next version of the code.

use protocol::{Category, Language, driver::Raised};

/// Error numbers that mean that a limit of the sandbox was hit, with the limit in words.
const LIMITS: [(i32, &str); 6] = [
    (28, "the workspace is full: remove files or ask for more with the disk limit"),
    (122, "the workspace is full: remove files or ask for more with the disk limit"),
    (27, "a file is larger than the workspace may be: write less, or ask for more with the disk limit"),
    (24, "too many files are open at once: close files, or use `with open(…)`"),
    (23, "too many files are open at once: close files, or use `with open(…)`"),
    (11, "too many processes or threads at once: use fewer workers"),
];

/// Hints by the exception's class, where the class says enough.
const NAMES: [(&str, &str); 9] = [
    ("FileNotFoundError", "uploaded files are in /workspace, which is the working directory: list it first"),
    ("EOFError", "standard input is empty here: put the value into the code instead of asking for it"),
    ("PermissionError", "only /workspace, /tmp and /home/user can be written to"),
    ("gaierror", "the sandbox has no network: work with the files that are there"),
    ("URLError", "the sandbox has no network: work with the files that are there"),
    ("ConnectionError", "the sandbox has no network: work with the files that are there"),
    ("ConnectTimeout", "the sandbox has no network: work with the files that are there"),
    ("NewConnectionError", "the sandbox has no network: work with the files that are there"),
    ("RecursionError", "use a loop, or stop the recursion earlier"),
];

/// Which kind of failure an exception is.
pub(crate) fn category(raised: &Raised) -> Category {
    if raised.name.ends_with("MemoryError") {
        return Category::OutOfMemory;
    }
    if raised.syntax {
        return Category::Syntax;
    }
    if raised.import {
        return Category::Import;
    }
    let limit = raised.errno.is_some_and(|errno| limit(errno).is_some());
    if limit || raised.message.contains("can't start new thread") {
        return Category::Limit;
    }
    Category::Exception
}

/// The limit behind an error number.
pub(crate) fn limit(errno: i32) -> Option<&'static str> {
    LIMITS.iter().find(|(number, _)| *number == errno).map(|(_, hint)| *hint)
}

/// What helps against an exception, where something general does.
pub(crate) fn exception(raised: &Raised, category: Category, language: Language) -> Option<String> {
    let text = match category {
        Category::OutOfMemory => "work on smaller pieces, or ask for more with the memory limit",
        Category::Syntax => "nothing of the code ran: correct the marked line",
        Category::Import => import(language),
        Category::Limit => {
            let thread = "too many processes or threads at once: use fewer workers";
            raised.errno.and_then(limit).unwrap_or(thread)
        }
        _ => NAMES.iter().find(|(name, _)| *name == raised.name)?.1,
    };
    Some(text.to_owned())
}

fn import(language: Language) -> &'static str {
    match language {
        Language::Python => {
            "this template does not have that module and there is no network to install it: use one that it has, or a larger template"
        }
        _ => "there is no network to install a module: use what the runtime brings",
    }
}

/// What to install for a language whose interpreter is missing.
pub(crate) fn interpreter(language: Language) -> &'static str {
    match language {
        Language::Python => {
            "build the template (`belljar template build`) or install python3; an image of your own needs a python3 of its own"
        }
        Language::Bash => "install bash on the host, or use an image that has it",
        Language::Javascript => {
            "install Node.js on the host (Debian: apt install nodejs), or use an image that has it"
        }
        Language::Typescript => {
            "install Node.js 22.13 or later on the host, or an older one and the package typescript (Debian: apt install nodejs node-typescript)"
        }
        Language::R => {
            "install R on the host (Debian: apt install r-base-core), or use an image of your own that has it"
        }
    }
}
