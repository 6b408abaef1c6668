//! Recipes: the embedded `templates/*.toml` with their lock files. It leaves building to `build`.

use std::collections::BTreeSet;

use serde::Deserialize;

macro_rules! embedded {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../../templates/", $name, ".toml")),
            include_str!(concat!("../../../../templates/", $name, ".lock")),
        )
    };
}

/// Name, recipe and lock of every template, smallest first.
const EMBEDDED: [(&str, &str, &str); 4] =
    [embedded!("python"), embedded!("data"), embedded!("code-interpreter"), embedded!("full")];

/// What benches compare with. Built by its name, not listed.
const PEERS: [(&str, &str, &str); 1] = [embedded!("jupyter")];

/// Lock of the installer that a build fetches where the host has none.
pub(super) const INSTALLER_LOCK: &str = include_str!("../../../../templates/installer.lock");

/// What a template is made of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name, like `python`.
    #[serde(skip)]
    pub name: &'static str,
    /// One line for people.
    pub summary: String,
    /// Packages that were asked for; the lock has these and what they need.
    pub requirements: Vec<String>,
    /// Modules that a build imports to verify itself.
    pub imports: Vec<String>,
    /// Modules that a zygote imports ahead of time.
    pub preload: Vec<String>,
    /// Exact versions with hashes, as pip and uv read them.
    #[serde(skip)]
    pub lock: &'static str,
    #[serde(skip)]
    source: &'static str,
}

impl Recipe {
    /// Every recipe, smallest first.
    pub fn all() -> Vec<Recipe> {
        EMBEDDED.iter().map(parse).collect()
    }

    /// The recipe of this name.
    pub fn find(name: &str) -> Option<Recipe> {
        EMBEDDED.iter().chain(&PEERS).find(|(known, ..)| *known == name).map(parse)
    }

    /// The text that makes one recipe differ from another.
    pub(super) fn identity(&self) -> [&'static str; 3] {
        [self.name, self.source, self.lock]
    }

    /// Roughly how many packages a build installs: some are locked for some versions of Python only.
    pub(super) fn package_count(&self) -> u64 {
        let names = self.lock.lines().filter_map(|line| line.split_once("==").map(|(name, _)| name));
        names.collect::<BTreeSet<_>>().len() as u64
    }
}

fn parse(embedded: &(&'static str, &'static str, &'static str)) -> Recipe {
    let (name, source, lock) = *embedded;
    let recipe: Recipe =
        toml::from_str(source).unwrap_or_else(|error| panic!("embedded recipe {name}: {error}"));
    Recipe { name, source, lock, ..recipe }
}

#[cfg(test)]
mod tests {
    use super::{PEERS, Recipe, parse};

    #[test]
    fn every_recipe_parses_and_every_requirement_is_locked_with_a_hash() {
        for recipe in Recipe::all().into_iter().chain(PEERS.iter().map(parse)) {
            for requirement in &recipe.requirements {
                let line = format!("\n{requirement}==");
                assert!(
                    format!("\n{}", recipe.lock).contains(&line),
                    "{}: {requirement} is not locked",
                    recipe.name
                );
            }
            for line in recipe.lock.lines().filter(|line| line.contains("==")) {
                assert!(line.ends_with('\\'), "{}: no hash: {line}", recipe.name);
            }
            assert!(!recipe.lock.contains("://"), "{}: the lock names a host", recipe.name);
        }
    }
}
