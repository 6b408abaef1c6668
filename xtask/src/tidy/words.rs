//! Nothing half done, and nothing that is true on one machine only.

use super::{File, Problem};

/// Checks every line of a text file.
pub fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            problems.push(file.problem(index + 1, format!("`{word}`: finish it or leave it out")));
        }
        if let Some(path) = local_path(line) {
            problems.push(file.problem(index + 1, format!("`{path}` is a path of one machine")));
        }
        // Cargo writes where its own index is; nobody chose it.
        if file.path.ends_with(".lock") && !file.path.ends_with("Cargo.lock") && line.contains("://") {
            problems
                .push(file.problem(index + 1, "a lock file names no host, so that a mirror may serve it"));
        }
    }
    problems
}

const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];
/// Directories of people and of build machines. `/home/user` is the sandbox's own.
const LOCAL: [&str; 2] = [concat!("/ho", "me/"), concat!("/Us", "ers/")];

fn local_path(line: &str) -> Option<&str> {
    for start in LOCAL {
        for (at, _) in line.match_indices(start) {
            let path = &line[at..];
            let begins = !line[..at].ends_with(|c: char| c.is_alphanumeric() || "/.}$_-".contains(c));
            let name = path[start.len()..].split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            if begins && !(start.starts_with("/h") && (name == "user" || name.is_empty())) {
                return path.split_whitespace().next();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File::new(path, text).unwrap()).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn unfinished_work_is_found() {
        let text = format!("# {}: later\nx = 1\n", UNFINISHED[0]);
        assert_eq!(lines("a.py", &text), [1]);
        assert_eq!(lines("a.rs", &format!("fn f() {{\n    {})\n}}", UNFINISHED[2])), [2]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for bad in ["ho|me/anna/x", "Us|ers/anna"] {
            assert_eq!(lines("a.md", &format!("see /{}", bad.replace('|', ""))), [1], "{bad}");
        }
        for good in ["/home/user/x", "$X/home/y", "target/Users/x", "frame/home/x", "/workspace"] {
            assert_eq!(lines("a.md", good), [] as [usize; 0], "{good}");
        }
    }

    #[test]
    fn lock_files_name_no_host() {
        let text = "source = \"here\"\n--index https://example.org\n";
        assert_eq!(lines("x.lock", text), [2]);
        assert_eq!(lines("Cargo.lock", text), [] as [usize; 0]);
    }
}
