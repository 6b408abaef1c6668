//! Which crate may look at which, and what it must not bring in.

use super::{File, Problem};

/// A crate's folder, the crates of ours that it may depend on, and foreign crates that it must not.
struct Layer {
    folder: &'static str,
    may_use: &'static [&'static str],
    must_not: &'static [&'static str],
}

const EDGES: [&str; 5] = ["axum", "hyper", "reqwest", "clap", "tower"];

/// The table of ARCHITECTURE.md.
const LAYERS: [Layer; 12] = [
    Layer { folder: "protocol", may_use: &[], must_not: &["tokio", "rustix", "libc", "chrono", "rand"] },
    Layer { folder: "policy", may_use: &["protocol"], must_not: &["tokio", "rustix", "libc"] },
    Layer { folder: "jail", may_use: &["protocol"], must_not: &["tokio", "serde_yaml"] },
    Layer { folder: "guest", may_use: &["protocol", "jail"], must_not: &EDGES },
    Layer { folder: "interpreter", may_use: &["protocol", "policy", "jail"], must_not: &EDGES },
    Layer { folder: "journal", may_use: &["protocol"], must_not: &EDGES },
    Layer {
        folder: "agent",
        may_use: &["protocol", "policy", "interpreter", "journal"],
        must_not: &["axum", "clap", "rustix", "libc"],
    },
    Layer {
        folder: "desk",
        may_use: &["protocol", "policy", "interpreter", "journal", "agent"],
        must_not: &EDGES,
    },
    Layer {
        folder: "belljar",
        may_use: &[
            "protocol",
            "policy",
            "jail",
            "guest",
            "interpreter",
            "journal",
            "agent",
            "desk",
            "measure",
        ],
        must_not: &[],
    },
    Layer { folder: "measure", may_use: &[], must_not: &["tokio"] },
    Layer { folder: "fuzz", may_use: &["protocol", "policy"], must_not: &["tokio"] },
    Layer { folder: "xtask", may_use: &["measure"], must_not: &["tokio"] },
];

/// Checks every crate's Cargo.toml against the table.
pub fn check(files: &[File]) -> Vec<Problem> {
    files.iter().filter(|file| file.path.ends_with("/Cargo.toml")).flat_map(check_one).collect()
}

fn check_one(file: &File) -> Vec<Problem> {
    let folder = file.path.trim_start_matches("crates/").trim_end_matches("/Cargo.toml");
    let Some(layer) = LAYERS.iter().find(|layer| layer.folder == folder) else {
        return vec![file.problem(1, format!("the crate {folder} is not in the layering table of tidy"))];
    };
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![file.problem(1, format!("not TOML: {error}"))],
    };
    let mut problems = Vec::new();
    for name in dependencies(&manifest) {
        let line = line_of(&file.text, &name);
        let short = name.trim_start_matches("belljar-");
        let ours = LAYERS.iter().any(|other| other.folder == short);
        if ours && !layer.may_use.contains(&short) {
            problems.push(file.problem(line, format!("{folder} must not look at {short}")));
        }
        if layer.must_not.contains(&name.as_str()) {
            problems.push(file.problem(line, format!("{folder} must not contain {name}")));
        }
    }
    problems
}

/// Names below `dependencies` and `build-dependencies`, also those of one platform. Tests may use what they like.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let mut tables: Vec<&toml::Table> = vec![manifest];
    let targets = manifest.get("target").and_then(|target| target.as_table());
    tables.extend(targets.into_iter().flat_map(|targets| targets.values().filter_map(|t| t.as_table())));
    let kinds = ["dependencies", "build-dependencies"];
    let named = tables.into_iter().flat_map(|table| kinds.map(|kind| table.get(kind)));
    named.flatten().filter_map(|table| table.as_table()).flat_map(|table| table.keys().cloned()).collect()
}

fn line_of(text: &str, start: &str) -> usize {
    text.lines().position(|line| line.starts_with(start)).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&[File::new(path, text).unwrap()])
            .into_iter()
            .map(|p| format!("{}: {}", p.line, p.message))
            .collect()
    }

    #[test]
    fn a_crate_that_looks_up_is_found() {
        let good = "[dependencies]\nprotocol.workspace = true\nserde = \"1\"\n[dev-dependencies]\ninterpreter = \"1\"";
        assert_eq!(problems("crates/jail/Cargo.toml", good), [] as [&str; 0]);
        let bad = "[dependencies]\ninterpreter.workspace = true\n[target.x.dependencies]\ntokio = \"1\"";
        assert_eq!(
            problems("crates/jail/Cargo.toml", bad),
            ["2: jail must not look at interpreter", "4: jail must not contain tokio"]
        );
        assert_eq!(
            problems("crates/glue/Cargo.toml", ""),
            ["1: the crate glue is not in the layering table of tidy"]
        );
    }
}
