//! Lists of dotted names that are allowed or denied.

use serde::{Deserialize, Serialize};

/// Names that are allowed and denied; a name covers what is below it, and the longest name that fits decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Where it is there, what no name here covers is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) deny: Vec<String>,
}

impl Names {
    /// Whether the lists speak against this name.
    pub(crate) fn denies(&self, name: &str) -> bool {
        match (longest(&self.deny, name), self.allow.as_deref().map(|allow| longest(allow, name))) {
            (Some(deny), Some(Some(allow))) => deny >= allow,
            (Some(_), _) => true,
            (None, Some(allow)) => allow.is_none(),
            (None, None) => false,
        }
    }

    /// Whether a name is denied because a list names it, not because no list does.
    pub(crate) fn names_as_denied(&self, name: &str) -> bool {
        longest(&self.deny, name).is_some() && self.denies(name)
    }

    /// Whether something below this name is denied although the name itself is not.
    pub(crate) fn denies_below(&self, name: &str) -> bool {
        self.deny.iter().any(|denied| denied.len() > name.len() && covers(name, denied))
    }

    /// Takes over what a file says: its word is the last one.
    pub(crate) fn extend(&mut self, said: Names) {
        if let Some(allow) = said.allow {
            self.deny.retain(|name| !allow.contains(name));
            let mine = self.allow.get_or_insert_default();
            mine.extend(allow.into_iter().filter(|name| !said.deny.contains(name)));
            dedup(mine);
        }
        if let Some(allow) = &mut self.allow {
            allow.retain(|name| !said.deny.contains(name));
        }
        self.deny.extend(said.deny);
        dedup(&mut self.deny);
    }
}

fn dedup(names: &mut Vec<String>) {
    names.sort();
    names.dedup();
}

/// Whether `name` is `above` or below it.
pub(crate) fn covers(above: &str, name: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

fn longest(names: &[String], name: &str) -> Option<usize> {
    names.iter().filter(|above| covers(above, name)).map(String::len).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(allow: Option<&[&str]>, deny: &[&str]) -> Names {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        Names { allow: allow.map(owned), deny: owned(deny) }
    }

    /// Allowed, denied, the name, and whether it is denied.
    type Case = (Option<&'static [&'static str]>, &'static [&'static str], &'static str, bool);

    #[test]
    fn the_longest_name_decides() {
        let cases: [Case; 9] = [
            (None, &[], "os", false),
            (None, &["os"], "os", true),
            (None, &["os"], "os.system", true),
            (None, &["os"], "ostree", false),
            (Some(&[]), &[], "os", true),
            (Some(&["os"]), &["os.system"], "os.system", true),
            (Some(&["os"]), &["os.system"], "os.path.join", false),
            (Some(&["os.path"]), &["os"], "os.path.join", false),
            (Some(&["os"]), &["os"], "os", true),
        ];
        for (allow, deny, name, denied) in cases {
            assert_eq!(names(allow, deny).denies(name), denied, "{allow:?} {deny:?} {name}");
        }
    }

    #[test]
    fn the_file_has_the_last_word() {
        let mut ours = names(Some(&["math", "re"]), &["os"]);
        ours.extend(names(Some(&["os"]), &["re"]));
        assert_eq!(ours, names(Some(&["math", "os"]), &["re"]));
    }
}
