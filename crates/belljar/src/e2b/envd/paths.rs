//! Paths as clients mean them: from the user's home, with `~`, absolute, and never with `..` left in them.

use super::access::User;
use crate::e2b::place::Place;

/// The absolute path that a client means.
pub fn absolute(place: &Place, user: Option<User>, path: &str) -> String {
    let home = match user.unwrap_or(User::Ordinary) {
        User::Ordinary => place.kept.sandbox().workspace(),
        User::Root => "/root",
    };
    cleaned(home, path)
}

fn cleaned(home: &str, path: &str) -> String {
    let whole = match path {
        "" | "~" => home.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{home}/{}", path.strip_prefix("~/").unwrap_or(path)),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn paths_begin_at_home() {
        for (path, expected) in [
            ("", "/home/user"),
            ("~", "/home/user"),
            ("~/a", "/home/user/a"),
            ("a/b", "/home/user/a/b"),
            ("./a/../b", "/home/user/b"),
            ("/a//b/", "/a/b"),
            ("/../../etc", "/etc"),
            ("..", "/home"),
            ("/", "/"),
            ("~user", "/home/user/~user"),
        ] {
            assert_eq!(cleaned("/home/user", path), expected, "{path}");
        }
    }
}
