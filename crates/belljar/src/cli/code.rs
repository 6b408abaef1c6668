//! Where the code comes from: a file, standard input, or the command line itself.

use super::failure::{Done, Failure, reason};
use crate::render::terminal;
use protocol::Language;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Longest code, in bytes: what the interpreter takes.
const CODE_BYTES_MAX: u64 = 16 << 20;

/// Code that is ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// What people call it: the file's name, `stdin` or `code`.
    pub label: String,
    /// The code.
    pub text: String,
    /// Its language.
    pub language: Language,
}

impl Code {
    /// Reads it: `inline` is `-c`, `file` a path or `-`. The language is that of the file's name unless given.
    pub fn read(file: Option<&Path>, inline: Option<&OsString>, language: Option<&str>) -> Done<Code> {
        let language = language.map(str::parse::<Language>).transpose();
        let language = language.map_err(|error| {
            Failure::usage("language", error.to_string()).hint("for example --language bash")
        })?;
        let (bytes, guess) = match (file, inline) {
            (None, Some(code)) => (code.clone().into_vec(), Language::default()),
            (Some(path), None) if path == Path::new("-") => {
                (read(&mut std::io::stdin(), "standard input")?, Language::default())
            }
            (Some(path), None) => (read_file(path)?, by_extension(path)?),
            _ => return Err(nothing()),
        };
        let text = decode(bytes, "the code")?;
        if text.trim().is_empty() {
            return Err(Failure::usage("empty_code", "run empty code")
                .hint("give a FILE, -c CODE, or - and code on standard input"));
        }
        let label = match file {
            None => "code".to_owned(),
            Some(path) if path == Path::new("-") => "stdin".to_owned(),
            Some(path) => shown(path),
        };
        Ok(Code { label, text, language: language.unwrap_or(guess) })
    }
}

fn nothing() -> Failure {
    Failure::usage("no_code", "run: no code was given")
        .hint("belljar run FILE, belljar run -c CODE, or belljar run - to read it from standard input")
}

fn shown(path: &Path) -> String {
    terminal::name(&protocol::path::from_bytes(path.as_os_str().as_bytes()))
}

fn read_file(path: &Path) -> Done<Vec<u8>> {
    let label = shown(path);
    let fail = |error: std::io::Error| {
        Failure::usage("unreadable", format!("read {label}: {}", reason(&error)))
            .hint("check the path; it is looked up from the current directory")
    };
    let mut file = std::fs::File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(Failure::usage("unreadable", format!("read {label}: it is a directory"))
            .hint("name a file in it; --file uploads directories"));
    }
    read(&mut file, &label)
}

fn read(source: &mut impl Read, label: &str) -> Done<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take(CODE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::usage("unreadable", format!("read {label}: {}", reason(&error))))?;
    if bytes.len() as u64 > CODE_BYTES_MAX {
        return Err(Failure::usage("code_too_large", format!("take {label}: it is longer than 16 MiB"))
            .hint("put data into files and upload them with --file"));
    }
    Ok(bytes)
}

fn by_extension(path: &Path) -> Done<Language> {
    match path.extension().and_then(OsStr::to_str) {
        Some("sh" | "bash") => Ok(Language::Bash),
        Some("js" | "mjs" | "cjs") => Ok(Language::Javascript),
        Some("ts" | "mts" | "cts") => Ok(Language::Typescript),
        Some("R" | "r") => Ok(Language::R),
        Some("ipynb") => Err(Failure::usage("notebook", "run a notebook file: it is JSON, not code")
            .hint("`jupyter nbconvert --to script FILE` makes a script of it")),
        _ => Ok(Language::Python),
    }
}

/// The text of a file, or of standard input for `-`; `what` it is, for messages.
pub fn text(path: &Path, what: &str) -> Done<String> {
    let bytes = match path == Path::new("-") {
        true => read(&mut std::io::stdin(), "standard input")?,
        false => read_file(path)?,
    };
    decode(bytes, what)
}

fn decode(bytes: Vec<u8>, what: &str) -> Done<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = error.as_bytes().get(at).copied().unwrap_or_default();
        Failure::usage("not_utf8", format!("read {what} as UTF-8: byte 0x{byte:02x} on line {line}"))
            .hint("save it as UTF-8, for example with `iconv -f latin1 -t utf-8`")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_read_and_its_language_guessed() {
        let dir = tempfile::tempdir().unwrap();
        for (name, language) in [
            ("a.py", Language::Python),
            ("b.sh", Language::Bash),
            ("c.mjs", Language::Javascript),
            ("d.ts", Language::Typescript),
            ("e.R", Language::R),
            ("d", Language::Python),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, "\u{feff}x").unwrap();
            let code = Code::read(Some(&path), None, None).unwrap();
            assert_eq!((code.text.as_str(), code.language), ("x", language), "{name}");
        }
        let code = Code::read(None, Some(&"ls".into()), Some("bash")).unwrap();
        assert_eq!(code.language, Language::Bash);
    }

    #[test]
    fn what_is_not_code_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let cases = [
            (file("empty", b" \n"), "empty_code", "empty"),
            (file("latin", b"a\nb = '\xe9'\n"), "not_utf8", "0xe9 on line 2"),
            (file("book.ipynb", b"{}"), "notebook", "JSON"),
            (dir.path().to_owned(), "unreadable", "it is a directory"),
            (dir.path().join("absent"), "unreadable", "no such file"),
            ("/dev/zero".into(), "code_too_large", "16 MiB"),
        ];
        for (path, code, part) in cases {
            let failure = Code::read(Some(&path), None, None).unwrap_err();
            assert_eq!(failure.code, code, "{failure}");
            assert!(failure.message.contains(part), "{failure}");
        }
        assert_eq!(Code::read(None, None, None).unwrap_err().code, "no_code");
        assert_eq!(Code::read(None, Some(&"x".into()), Some("cobol")).unwrap_err().code, "language");
    }
}
