//! A sign of life on standard error while nothing else happens; only on a terminal.

use super::terminal::{Look, columns, harmless};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A spinner that is there or not. Whoever writes to the terminal clears it first.
#[derive(Debug)]
pub struct Spinner {
    enabled: bool,
    bar: Option<ProgressBar>,
}

impl Spinner {
    /// None is shown yet; none ever where standard error is no terminal.
    pub fn new(wanted: bool) -> Spinner {
        Spinner { enabled: wanted && Look::stderr().terminal, bar: None }
    }

    /// Shows these words on one line, with the seconds since the last [`Spinner::clear`].
    pub fn show(&mut self, words: &str) {
        if !self.enabled {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner:.cyan} {wide_msg:.dim} {elapsed:.dim}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(harmless(words));
    }

    /// Columns for words.
    pub fn room(&self) -> usize {
        columns().saturating_sub(12).max(20)
    }

    /// Takes it off the terminal.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.clear();
    }
}
