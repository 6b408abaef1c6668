//! Lines that the prompt itself answers: states of the interpreter to go back to, and branches. All others are code's,
//! IPython's own magics too.

use crate::cli::failure::{Done, Failure};

/// What `%help` shows.
pub const HELP: &str = "\
%undo [N]           go back before the last cell, or the last N; variables and files are as they were
%checkpoint [NAME]  keep what is now under a name
%rollback NAME      go back to a checkpoint, which stays
%checkpoints        list them
%fork [NAME]        begin a branch here and go on in it; variables and files of each are its own
%switch NAME        go on in another branch; the first one is main
%branches           list them; * is where you are
%forget NAME        end a checkpoint or another branch
";

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Magic {
    Help,
    Undo(usize),
    Checkpoint(Option<String>),
    Rollback(String),
    Checkpoints,
    Fork(Option<String>),
    Switch(String),
    Branches,
    Forget(String),
}

/// Reads a cell; `None` where it is code.
///
/// # Errors
/// When what follows the magic is not what belongs there.
pub fn read(cell: &str) -> Option<Done<Magic>> {
    let line = cell.trim();
    let (name, rest) = line.strip_prefix('%').map(|line| line.split_once(' ').unwrap_or((line, "")))?;
    let mut words = rest.split_whitespace();
    let (argument, more) = (words.next(), words.next().is_some());
    let alone = |magic| match argument {
        None => Ok(magic),
        Some(_) => Err(wrong(line, "it takes nothing else")),
    };
    let named = || match (argument, more) {
        (None, _) => Ok(None),
        (Some(name), false) if is_name(name) => Ok(Some(name.to_owned())),
        _ => Err(wrong(line, "a name is one word of letters, digits, - and _")),
    };
    let needed = || named().and_then(|name| name.ok_or_else(|| wrong(line, "a name is missing")));
    Some(match name {
        "help" => alone(Magic::Help),
        "undo" => match argument.map_or(Ok(1), str::parse) {
            Ok(steps) if steps > 0 && !more => Ok(Magic::Undo(steps)),
            _ => Err(wrong(line, "it takes a number of cells, 1 or more")),
        },
        "checkpoint" => named().map(Magic::Checkpoint),
        "rollback" => needed().map(Magic::Rollback),
        "checkpoints" => alone(Magic::Checkpoints),
        "fork" => named().map(Magic::Fork),
        "switch" => needed().map(Magic::Switch),
        "branches" => alone(Magic::Branches),
        "forget" => needed().map(Magic::Forget),
        _ => return None,
    })
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.chars().all(|letter| letter.is_alphanumeric() || "-_".contains(letter))
}

fn wrong(line: &str, why: &str) -> Failure {
    let line = crate::render::terminal::harmless(line);
    Failure::usage("magic", format!("do {line}: {why}")).hint("%help shows what there is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_ours_are_taken() {
        let name = |text: &str| text.to_owned();
        for (cell, expected) in [
            ("%undo\n", Some(Ok(Magic::Undo(1)))),
            ("  %undo 3 ", Some(Ok(Magic::Undo(3)))),
            ("%undo 0", Some(Err(()))),
            ("%undo 1 2", Some(Err(()))),
            ("%undo x", Some(Err(()))),
            ("%checkpoint", Some(Ok(Magic::Checkpoint(None)))),
            ("%checkpoint a-1", Some(Ok(Magic::Checkpoint(Some(name("a-1")))))),
            ("%checkpoint a b", Some(Err(()))),
            ("%checkpoint a/b", Some(Err(()))),
            ("%rollback", Some(Err(()))),
            ("%rollback ä", Some(Ok(Magic::Rollback(name("ä"))))),
            ("%fork", Some(Ok(Magic::Fork(None)))),
            ("%switch main", Some(Ok(Magic::Switch(name("main"))))),
            ("%forget a", Some(Ok(Magic::Forget(name("a"))))),
            ("%branches", Some(Ok(Magic::Branches))),
            ("%checkpoints now", Some(Err(()))),
            ("%help", Some(Ok(Magic::Help))),
            ("%undo\nx = 1", None),
            ("%%undo", None),
            ("%undone", None),
            ("%timeit 1", None),
            ("% undo", None),
            ("x % undo", None),
            ("", None),
        ] {
            assert_eq!(read(cell).map(|read| read.map_err(|_| ())), expected, "{cell:?}");
        }
        let help: Vec<_> = HELP.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert!(help.iter().all(|name| read(name).is_some()), "{help:?}");
    }
}
