//! What the command line of a bench asks for.

use anyhow::{Context, Result, bail};

/// All options; which of them a chore takes, it says itself.
#[derive(Debug, Default, PartialEq)]
pub struct Options<'a> {
    /// The table for programs.
    pub json: Option<Place<'a>>,
    /// The table for the docs.
    pub markdown: Option<Place<'a>>,
    /// A missed target is a failure.
    pub check: bool,
    /// How many samples a row has.
    pub samples: Option<usize>,
    /// The socket of an engine that runs.
    pub engine: Option<&'a str>,
    /// The socket of another one, to be measured as well.
    pub second_engine: Option<&'a str>,
    /// Only these subjects.
    pub subjects: Vec<&'a str>,
}

/// Where a table goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place<'a> {
    /// Below the table for people.
    Printed,
    File(&'a str),
}

/// Reads the options that are `allowed`, in any order.
pub fn parse<'a>(mut words: &[&'a str], allowed: &[&str]) -> Result<Options<'a>> {
    let mut options = Options::default();
    while let [name, rest @ ..] = words {
        if !allowed.contains(name) {
            bail!("unknown option {name}: {}", allowed.join(", "));
        }
        let value = rest.first().copied().filter(|word| !word.starts_with("--"));
        let needed = value.with_context(|| format!("{name} needs a value"));
        let place = Some(value.map_or(Place::Printed, Place::File));
        let mut took = value.is_some();
        match *name {
            "--json" => options.json = place,
            "--markdown" => options.markdown = place,
            "--samples" => options.samples = Some(needed?.parse().context("read the number of samples")?),
            "--engine" => options.engine = Some(needed?),
            "--second-engine" => options.second_engine = Some(needed?),
            "--only" => options.subjects.push(needed?),
            "--check" => (options.check, took) = (true, false),
            _ => bail!("unknown option {name}"),
        }
        words = if took { &rest[1..] } else { rest };
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 4] = ["--json", "--check", "--samples", "--only"];

    #[test]
    fn options_in_any_order() {
        let file = Some(Place::File("rows.json"));
        let both = parse(&["--json", "rows.json", "--check"], &ALL).unwrap();
        assert_eq!(both, Options { json: file, check: true, ..Options::default() });
        let printed = parse(&["--json", "--samples", "7", "--only", "a", "--only", "b"], &ALL).unwrap();
        assert_eq!((printed.json, printed.samples), (Some(Place::Printed), Some(7)));
        assert_eq!(printed.subjects, ["a", "b"]);
        assert_eq!(parse(&[], &ALL).unwrap(), Options::default());
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for bad in [["--fast", "1"], ["--engine", "s"], ["--samples", "--check"], ["--check", "word"]] {
            assert!(parse(&bad, &ALL).is_err(), "{bad:?}");
        }
        assert!(parse(&["--samples", "few"], &ALL).is_err());
    }
}
