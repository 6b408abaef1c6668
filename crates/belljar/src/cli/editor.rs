//! The line editor of `repl` and of `ask --interactive`: a history in the data folder, and the terminal given back.

use super::Site;
use super::failure::{Done, Failure};
use crate::render::Screen;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, Helper};
use std::path::PathBuf;

/// Lines of history that are kept.
const HISTORY_LINES: usize = 10_000;

/// Reads lines from a terminal.
pub struct Lines<H: Helper> {
    editor: Editor<H, FileHistory>,
    /// Where the history is kept, if it can be.
    history: Option<PathBuf>,
}

/// What a person did at the prompt.
pub enum Typed {
    /// Wrote this.
    Text(String),
    /// Pressed Ctrl-C.
    Interrupt,
    /// Pressed Ctrl-D, or the terminal went away.
    End,
}

impl<H: Helper> Lines<H> {
    /// An editor with a history of this name. A history that cannot be kept is told to the person.
    pub fn open(site: &Site, name: &str, helper: H, screen: &mut Screen) -> Done<Lines<H>> {
        let failed = |error: ReadlineError| Failure::ours("editor", format!("edit lines: {error}"));
        let config = Config::builder()
            .max_history_size(HISTORY_LINES)
            .map_err(failed)?
            .auto_add_history(false)
            .build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(helper));
        let path = site.data_dir()?.join(format!("history-{name}"));
        let read = match editor.load_history(&path) {
            Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|error| ("read", error)),
        };
        let kept = read.and_then(|()| editor.append_history(&path).map_err(|error| ("write", error)));
        if let Err((action, error)) = kept {
            screen.warning(&format!("history is not kept: cannot {action} {}: {error}", path.display()))?;
            return Ok(Lines { editor, history: None });
        }
        Ok(Lines { editor, history: Some(path) })
    }

    /// Waits for a line, or for several where the helper says that they belong together.
    pub fn read(&mut self, prompt: &str) -> Done<Typed> {
        match self.editor.readline(prompt) {
            Ok(text) => Ok(Typed::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupt),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(Failure::ours("editor", format!("edit a line: {error}"))),
        }
    }

    /// Keeps a line for later.
    pub fn remember(&mut self, text: &str) {
        // What cannot be kept was told at the start.
        let _ = self.editor.add_history_entry(text.trim_end());
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}

/// Gives the terminal back as it was before the line editor changed it.
pub fn terminal_keeper() -> impl Fn() + Send + 'static {
    let before = tcgetattr(std::io::stdin()).ok();
    move || {
        if let Some(before) = &before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
