//! What there is besides the live context: the states before its last cells, checkpoints, other branches. All are forks,
//! each with its own files.

use super::magics::{HELP, Magic};
use crate::cli::failure::{Done, Failure};
use crate::cli::live::failure;
use crate::render::terminal::name;
use interpreter::{Context, ContextRequest, Error, ForkRequest, History, Sandbox};
use protocol::guest::{Entry, EntryKind};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// The branch that is there from the start.
const MAIN: &str = "main";
/// Levels of the workspace that are looked at for files that come back.
const DEPTH: u32 = 16;
/// Files that are named one by one.
const NAMED_MAX: usize = 6;

/// States, checkpoints and branches of one sandbox.
pub struct Past {
    /// States of a branch that are kept at most.
    most: usize,
    /// The branch that the live context is.
    current: String,
    history: History,
    branches: BTreeMap<String, Branch>,
    checkpoints: BTreeMap<String, Arc<Context>>,
    /// Why states could not be kept, as far as that was said.
    told: BTreeSet<String>,
}

/// A branch that is not gone on with now.
struct Branch {
    context: Option<Arc<Context>>,
    history: History,
}

/// What a magic has to say.
pub enum Told {
    /// What was asked for.
    List(String),
    /// What has happened.
    Note(String),
}

impl Past {
    /// Nothing yet; so many states will be kept for each branch.
    pub fn new(most: usize) -> Past {
        let (branches, checkpoints, told) = Default::default();
        Past { most, current: MAIN.to_owned(), history: History::new(most), branches, checkpoints, told }
    }

    /// Keeps the state before a cell; makes the context where there is none. Gives back what a person should know where that
    /// cannot be, once for each reason.
    pub async fn keep(&mut self, sandbox: &Arc<Sandbox>, live: &mut Option<Arc<Context>>) -> Option<String> {
        if self.most == 0 {
            return None;
        }
        // What is wrong with the sandbox or the context, the cell will find as well.
        let context = context(sandbox, live).await.ok()?;
        let error = self.history.keep(&context).await.err()?;
        let reason = match &error {
            Error::ForkRefused { reason, .. } => reason.clone(),
            Error::ForkUnsupported { .. } => {
                self.most = 0;
                self.history = History::new(0);
                error.code().to_owned()
            }
            _ => return None,
        };
        self.told.insert(reason).then(|| format!("no %undo of this cell: cannot {error}"))
    }

    /// Whether there is a state before the last cell.
    pub fn can_undo(&self) -> bool {
        self.history.nearest(1) == Some(1)
    }

    /// The branch that the live context is; `None` where it is the first one.
    pub fn branch(&self) -> Option<&str> {
        Some(self.current.as_str()).filter(|name| *name != MAIN)
    }

    /// Does what a magic says.
    ///
    /// # Errors
    /// When there is nothing of that name, or a context cannot be forked.
    pub async fn act(
        &mut self,
        magic: Magic,
        sandbox: &Arc<Sandbox>,
        live: &mut Option<Arc<Context>>,
    ) -> Done<Told> {
        self.checkpoints.retain(|_, state| state.is_alive());
        match magic {
            Magic::Help => Ok(Told::List(HELP.to_owned())),
            Magic::Undo(steps) => self.undo(steps, live).await,
            Magic::Checkpoint(given) => {
                let given = self.free(given, "checkpoint")?;
                let state = context(sandbox, live).await.map_err(failure)?.save().await.map_err(failure)?;
                self.checkpoints.insert(given.clone(), state);
                Ok(Told::Note(format!("kept as {given}; %rollback {given} goes back to it")))
            }
            Magic::Rollback(given) => self.rollback(&given, live).await,
            Magic::Checkpoints => {
                Ok(Told::List(lines(self.checkpoints.keys().map(|key| format!("  {key}")))))
            }
            Magic::Fork(given) => {
                let given = self.free(given, "branch")?;
                let parent = context(sandbox, live).await.map_err(failure)?;
                let forked = parent.fork(ForkRequest::default()).await.map_err(failure)?;
                let (context, history) = (forked.contexts.into_iter().next(), History::new(self.most));
                self.branches.insert(given.clone(), Branch { context, history });
                self.go_to(&given, live);
                Ok(Told::Note(format!("on the new branch {given}, which has variables and files of its own")))
            }
            Magic::Switch(given) if given == self.current || self.branches.contains_key(&given) => {
                self.go_to(&given, live);
                Ok(Told::Note(format!("on branch {given}")))
            }
            Magic::Switch(given) => Err(unknown("go on in", &given, "branch", "%branches lists them")),
            Magic::Branches => {
                let names: BTreeSet<&String> = self.branches.keys().chain([&self.current]).collect();
                let mark = |key: &String| if *key == self.current { '*' } else { ' ' };
                Ok(Told::List(lines(names.into_iter().map(|key| format!("{} {key}", mark(key))))))
            }
            Magic::Forget(given) if given == self.current => {
                Err(Failure::usage("current_branch", format!("forget {given}: it is where you are"))
                    .hint("%switch to another branch first"))
            }
            Magic::Forget(given) => {
                let known =
                    self.branches.remove(&given).is_some() || self.checkpoints.remove(&given).is_some();
                match known {
                    true => Ok(Told::Note(format!("{given} is gone"))),
                    false => Err(unknown("forget", &given, "checkpoint or branch", LISTED)),
                }
            }
        }
    }

    async fn undo(&mut self, steps: usize, live: &mut Option<Arc<Context>>) -> Done<Told> {
        let Some(state) = self.history.back(steps) else {
            let what = match steps {
                1 => "undo the last cell".to_owned(),
                _ => format!("undo the last {steps} cells"),
            };
            let failure = Failure::usage("no_state", format!("{what}: there is no state before that"));
            return Err(match self.history.nearest(steps) {
                Some(nearest) => failure.hint(format!("%undo {nearest} is the nearest that there is")),
                None if self.most == 0 => {
                    failure.hint("states are kept on the native backend, with --undo above 0")
                }
                None => failure
                    .hint("states before the first cell, or that did not fit into memory, are not kept"),
            });
        };
        let before = match steps {
            1 => "back before the last cell".to_owned(),
            _ => format!("back before the last {steps} cells"),
        };
        Ok(Told::Note(arrive(before, state, live).await))
    }

    async fn rollback(&mut self, given: &str, live: &mut Option<Arc<Context>>) -> Done<Told> {
        let Some(state) = self.checkpoints.get(given).cloned() else {
            return Err(unknown("go back to", given, "checkpoint", "%checkpoints lists them"));
        };
        if let Some(live) = live {
            // What is left can be come back to; where not, it was asked to be left.
            let _ = self.history.keep(live).await;
        }
        Ok(Told::Note(arrive(format!("back at {given}"), state, live).await))
    }

    fn go_to(&mut self, given: &str, live: &mut Option<Arc<Context>>) {
        let Some(branch) = self.branches.remove(given) else { return };
        let left = std::mem::replace(&mut self.current, given.to_owned());
        let history = std::mem::replace(&mut self.history, branch.history);
        let context = std::mem::replace(live, branch.context);
        self.branches.insert(left, Branch { context, history });
    }

    /// A name that nothing has: the one that was given, or a number.
    fn free(&self, given: Option<String>, what: &str) -> Done<String> {
        let taken = |key: &String| {
            *key == self.current || self.branches.contains_key(key) || self.checkpoints.contains_key(key)
        };
        match given {
            None => Ok((1..).map(|number| number.to_string()).find(|key| !taken(key)).unwrap_or_default()),
            Some(given) if taken(&given) => {
                let message = format!("call a {what} {given}: there is something of that name");
                Err(Failure::usage("taken", message)
                    .hint(format!("%forget {given} ends it; or use another name")))
            }
            Some(given) => Ok(given),
        }
    }
}

const LISTED: &str = "%checkpoints and %branches list them";

fn unknown(verb: &str, given: &str, what: &str, hint: &str) -> Failure {
    Failure::usage("unknown", format!("{verb} {given}: there is no {what} of that name")).hint(hint)
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    let text: String = rows.map(|row| row + "\n").collect();
    if text.is_empty() { "  none\n".to_owned() } else { text }
}

/// The live context; it is made where there is none that lives.
async fn context(sandbox: &Arc<Sandbox>, live: &mut Option<Arc<Context>>) -> Result<Arc<Context>, Error> {
    match live {
        Some(context) if context.is_alive() => Ok(context.clone()),
        _ => Ok(live.insert(sandbox.create_context(ContextRequest::default()).await?).clone()),
    }
}

/// Goes on from a state, at the paths where the context has lived; tells of the files that are others than before.
async fn arrive(note: String, state: Arc<Context>, live: &mut Option<Arc<Context>>) -> String {
    let Some(left) = live.take() else {
        *live = Some(state);
        return note;
    };
    let was = left.files().list(".", DEPTH).await;
    // Where there is no room for one more fork, the state itself is gone on with.
    let arrived = state.replace(&left).await.unwrap_or(state);
    let is = arrived.files().list(".", DEPTH).await;
    *live = Some(arrived);
    match (was, is) {
        (Ok(was), Ok(is)) => note + &changes(&was, &is),
        _ => note,
    }
}

/// The files that went, and those that came back, in a few words; nothing where all are the same.
fn changes(was: &[Entry], is: &[Entry]) -> String {
    let (was, is) = (files(was), files(is));
    let gone: Vec<&str> = was.keys().filter(|path| !is.contains_key(*path)).copied().collect();
    let restored: Vec<&str> =
        is.iter().filter(|(path, file)| was.get(*path) != Some(file)).map(|(path, _)| *path).collect();
    let mut text = String::new();
    for (word, paths) in [("removed", gone), ("restored", restored)] {
        if !paths.is_empty() {
            let named: Vec<String> = paths.iter().take(NAMED_MAX).map(|path| name(path)).collect();
            let more = paths.len().saturating_sub(NAMED_MAX);
            let _ = write!(text, "; {word} {}", named.join(", "));
            if more > 0 {
                let _ = write!(text, " and {more} more");
            }
        }
    }
    text
}

fn files(entries: &[Entry]) -> BTreeMap<&str, (u64, i64)> {
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    files.map(|entry| (entry.path.as_str(), (entry.size, entry.modified_ms))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, size: u64, modified_ms: i64) -> Entry {
        let (kind, mode, target, uid, gid) = (EntryKind::File, 0o644, None, 0, 0);
        Entry { path: path.to_owned(), kind, size, mode, modified_ms, target, uid, gid }
    }

    #[test]
    fn files_that_are_others_are_named() {
        let now = [entry("a", 1, 1), entry("b", 2, 2), entry("c", 3, 3)];
        let then = [entry("a", 1, 1), entry("b", 2, 1), entry("d", 1, 1)];
        assert_eq!(changes(&now, &then), "; removed c; restored b, d");
        assert_eq!(changes(&now, &now), "");
        let many: Vec<Entry> = (0..9).map(|at| entry(&format!("f{at}"), 1, 1)).collect();
        assert_eq!(changes(&many, &[]), "; removed f0, f1, f2, f3, f4, f5 and 3 more");
    }
}
