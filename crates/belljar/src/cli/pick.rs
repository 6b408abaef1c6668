//! Which template a piece of code wants: the smallest that has what it imports.
//!
//! A glance at import lines, nothing more: a wrong guess costs an ImportError, which names the template to take.

use interpreter::template::Recipe;
use protocol::Language;
use std::collections::BTreeSet;

/// What was chosen, and for which import where that decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Name of the template.
    pub template: String,
    /// The module that smaller templates do not have.
    pub because: Option<String>,
}

/// The smallest template, and the one that code in other languages gets.
const SMALLEST: &str = "python";

/// Chooses a template for this code.
pub fn choose(code: &str, language: Language) -> Choice {
    let smallest = Choice { template: SMALLEST.to_owned(), because: None };
    if language != Language::Python {
        return smallest;
    }
    let wanted = imports(code);
    if wanted.is_empty() {
        return smallest;
    }
    let templates: Vec<(&str, BTreeSet<String>)> =
        Recipe::all().iter().map(|recipe| (recipe.name, modules(recipe))).collect();
    choose_among(&wanted, &templates)
}

/// The smallest template that has this module.
pub fn having(module: &str) -> Option<&'static str> {
    let top = module.split('.').next().unwrap_or(module);
    Recipe::all().iter().find(|recipe| modules(recipe).contains(top)).map(|recipe| recipe.name)
}

/// Whether the first template has all that the second has.
pub fn covers(template: &str, other: &str) -> bool {
    let modules_of = |name: &str| Recipe::find(name).map(|recipe| modules(&recipe));
    match (modules_of(template), modules_of(other)) {
        (Some(all), Some(wanted)) => wanted.is_subset(&all),
        _ => template == other,
    }
}

fn modules(recipe: &Recipe) -> BTreeSet<String> {
    recipe.imports.iter().filter_map(|module| module.split('.').next()).map(str::to_owned).collect()
}

/// `templates` are sorted, smallest first.
fn choose_among(wanted: &BTreeSet<&str>, templates: &[(&str, BTreeSet<String>)]) -> Choice {
    let known = |module: &&&str| templates.iter().any(|(_, modules)| modules.contains(**module));
    let wanted: Vec<&str> = wanted.iter().filter(known).copied().collect();
    let mut because = None;
    for (name, modules) in templates {
        match wanted.iter().find(|module| !modules.contains(**module)) {
            Some(module) => because = Some((*module).to_owned()),
            None => return Choice { template: (*name).to_owned(), because },
        }
    }
    let largest = templates.last().map_or(SMALLEST, |(name, _)| name);
    Choice { template: largest.to_owned(), because }
}

/// The top-level names of everything that is imported on a line of its own.
fn imports(code: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for statement in code.lines().flat_map(|line| line.split(';')) {
        let statement = statement.trim_start();
        if let Some(rest) = statement.strip_prefix("import ") {
            found.extend(rest.split(',').filter_map(top));
        } else if let Some(rest) = statement.strip_prefix("from ")
            && rest.contains(" import")
        {
            found.extend(top(rest));
        }
    }
    found
}

fn top(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_lines() {
        let code = "import os, numpy as np\nfrom pandas.io import x\n  import a.b ; import c\n\
                    from . import near\nimportant = 1\nfrom here to there\nx = 'import no'\n";
        assert_eq!(imports(code), BTreeSet::from(["os", "numpy", "pandas", "a", "c"]));
        assert!(imports("").is_empty());
    }

    #[test]
    fn the_smallest_that_has_them() {
        let cases = [
            ("print(1)", "python", None),
            ("import math, os", "python", None),
            ("import pandas as pd\nimport matplotlib.pyplot as plt", "data", Some("matplotlib")),
            ("import pandas, sklearn", "code-interpreter", Some("sklearn")),
            ("from spacy import load", "full", Some("spacy")),
            ("import no_such_thing_at_all", "python", None),
        ];
        for (code, template, because) in cases {
            let choice = choose(code, Language::Python);
            assert_eq!((choice.template.as_str(), choice.because.as_deref()), (template, because), "{code}");
        }
        assert_eq!(choose("import pandas", Language::Bash).template, "python");
        assert_eq!(having("sklearn.svm"), Some("code-interpreter"));
        assert_eq!(having("nothing"), None);
    }
}
