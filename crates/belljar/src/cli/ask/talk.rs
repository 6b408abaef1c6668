//! `ask --interactive`: question after question, from a line editor on a terminal, else from the lines of standard input.

use super::Asking;
use super::tell::Teller;
use crate::cli::editor::{Lines, Typed};
use crate::cli::failure::{Done, Failure, reason};
use std::io::{BufRead, IsTerminal};

/// Asks until nothing comes any more; the exit code is that of the last answer.
pub fn go_on(asking: &mut Asking<'_>, teller: &mut Teller, title: &str, exit: u8) -> Done {
    if std::io::stdin().is_terminal() {
        from_terminal(asking, teller, title)
    } else {
        from_pipe(asking, teller, exit)
    }
}

fn from_pipe(asking: &mut Asking<'_>, teller: &mut Teller, mut exit: u8) -> Done {
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| {
            Failure::usage("unreadable", format!("read standard input: {}", reason(&error)))
        })?;
        match line.trim() {
            "" => {}
            "exit" | "quit" => break,
            question => exit = asking.answer(question, teller)?,
        }
    }
    Ok(exit)
}

fn from_terminal(asking: &mut Asking<'_>, teller: &mut Teller, title: &str) -> Done {
    let mut lines = Lines::open(asking.site, "ask", (), teller.screen())?;
    teller.note(&format!("{title} · Ctrl-C cancels an answer, Ctrl-D ends"))?;
    loop {
        asking.signals.hurry(true);
        let typed = lines.read("ask> ");
        asking.signals.hurry(false);
        let question = match typed? {
            Typed::Text(text) => text.trim().to_owned(),
            Typed::Interrupt => continue,
            Typed::End => return Ok(0),
        };
        match question.as_str() {
            "" => continue,
            "exit" | "quit" => return Ok(0),
            _ => lines.remember(&question),
        }
        asking.answer(&question, teller)?;
    }
}
