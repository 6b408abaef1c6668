//! What helps against a failure: what is installed instead, which limit was hit and how far the code had come.

use super::Lens;
use protocol::{Category, Language, Outcome, Status};

/// Libraries whose modules have another name.
const MODULES: [(&str, &str); 16] = [
    ("beautifulsoup4", "bs4"),
    ("duckdb-engine", "duckdb_engine"),
    ("opencv-python", "cv2"),
    ("opencv-python-headless", "cv2"),
    ("pillow", "PIL"),
    ("protobuf", "google.protobuf"),
    ("pyjwt", "jwt"),
    ("pymupdf", "fitz"),
    ("python-dateutil", "dateutil"),
    ("python-docx", "docx"),
    ("python-pptx", "pptx"),
    ("pyyaml", "yaml"),
    ("scikit-image", "skimage"),
    ("scikit-learn", "sklearn"),
    ("xlsxwriter", "xlsxwriter"),
    ("ipython", "IPython"),
];
/// Modules of the standard library that models misspell.
const STANDARD: [&str; 28] = [
    "asyncio",
    "base64",
    "collections",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "fractions",
    "functools",
    "hashlib",
    "io",
    "itertools",
    "json",
    "math",
    "operator",
    "os",
    "pathlib",
    "random",
    "re",
    "sqlite3",
    "statistics",
    "string",
    "subprocess",
    "textwrap",
    "time",
    "typing",
    "urllib",
    "zoneinfo",
];
/// How alike names have to be, from 0 to 1.
const ALIKE: f64 = 0.6;
const NAMES_SHOWN: usize = 3;

/// The module by which a library is imported.
pub(super) fn module(library: &str) -> String {
    let lower = library.to_ascii_lowercase();
    let known = MODULES.iter().find(|(name, _)| *name == lower);
    known.map_or_else(|| lower.replace('-', "_"), |(_, module)| (*module).to_owned())
}

/// All hints for an outcome, ours first.
pub(super) fn hints(outcome: &Outcome, lens: &Lens<'_>) -> Vec<String> {
    let Some(error) = &outcome.error else {
        return Vec::new();
    };
    let ours = match (outcome.status, error.category) {
        (Status::Timeout, _) => Some(timeout(outcome, lens)),
        (Status::OutOfMemory, _) | (_, Category::OutOfMemory) => Some(memory(outcome, lens)),
        (_, Category::Import) if outcome.language == Language::Python => {
            missing_module(&error.message, lens.libraries)
        }
        _ => None,
    };
    ours.into_iter().chain(error.hint.clone()).collect()
}

fn timeout(outcome: &Outcome, lens: &Lens<'_>) -> String {
    let (ran, longest) = (outcome.usage.wall_ms / 1000.0, lens.limits.timeout_ms as f64 / 1000.0);
    format!("it ran for {ran:.1} s; the longest timeout that may be asked for is {longest} s")
}

fn memory(outcome: &Outcome, lens: &Lens<'_>) -> String {
    let mega = |bytes: u64| bytes >> 20;
    let (peak, limit) = (mega(outcome.usage.memory_peak_bytes), mega(lens.limits.memory_bytes));
    match peak {
        // Nobody measured.
        0 => format!("the limit of memory is {limit} MiB"),
        peak => format!("memory peaked at {peak} MiB, the limit is {limit} MiB"),
    }
}

fn missing_module(message: &str, libraries: &[(String, String)]) -> Option<String> {
    let named = message.strip_prefix("No module named '")?.split('\'').next()?;
    let (missing, part) = named.split_once('.').unwrap_or((named, ""));
    let installed = libraries.iter().any(|(library, _)| module(library) == missing);
    if installed || STANDARD.contains(&missing) {
        return (!part.is_empty()).then(|| format!("{missing} is installed, but it has no {part}"));
    }
    let mut near: Vec<(f64, String)> = libraries
        .iter()
        .filter_map(|(library, version)| {
            let module = module(library);
            let alike = likeness(missing, &module).max(likeness(missing, library));
            (alike >= ALIKE).then(|| (alike, format!("{module} ({library} {version})")))
        })
        .collect();
    near.extend(STANDARD.iter().filter_map(|module| {
        let alike = likeness(missing, module);
        (alike >= ALIKE).then(|| (alike, format!("{module} (standard library)")))
    }));
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    if near.is_empty() {
        return Some(format!(
            "nothing like {missing:?} is installed: do it with an installed library or with the standard library"
        ));
    }
    let names: Vec<String> = near.into_iter().take(NAMES_SHOWN).map(|(_, name)| name).collect();
    Some(format!("installed, with a name like {missing:?}: import {}", names.join(", or ")))
}

fn likeness(one: &str, other: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(&one.to_lowercase(), &other.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_modules_have_neighbours() {
        let installed = [("pandas", "3.0"), ("scikit-learn", "1.8"), ("numpy", "2.3"), ("pillow", "12")];
        let installed = installed.map(|(name, version)| (name.to_owned(), version.to_owned()));
        for (message, hint) in [
            ("No module named 'panda'", "installed, with a name like \"panda\": import pandas (pandas 3.0)"),
            (
                "No module named 'scikit_learn'",
                "installed, with a name like \"scikit_learn\": import sklearn (scikit-learn 1.8)",
            ),
            (
                "No module named 'skleran.svm'",
                "installed, with a name like \"skleran\": import sklearn (scikit-learn 1.8)",
            ),
            (
                "No module named 'statistic'",
                "installed, with a name like \"statistic\": import statistics (standard library)",
            ),
            ("No module named 'Pillow'", "installed, with a name like \"Pillow\": import PIL (pillow 12)"),
            ("No module named 'numpy.foo'", "numpy is installed, but it has no foo"),
            (
                "No module named 'torch'",
                "nothing like \"torch\" is installed: do it with an installed library or with the standard library",
            ),
        ] {
            assert_eq!(missing_module(message, &installed).as_deref(), Some(hint), "{message}");
        }
        for message in ["broken", "cannot import name 'x' from 'math'", "No module named 'pandas'"] {
            assert_eq!(missing_module(message, &installed), None, "{message}");
        }
    }
}
