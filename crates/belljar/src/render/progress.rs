//! How a template's build is shown: a bar on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use interpreter::template::{Phase, Progress, Step};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Plain lines are not written more often than this.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows a build on standard error. Shows nothing until there is something to wait for.
#[derive(Debug, Default)]
pub struct Bar {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    line_at: Option<Instant>,
}

impl Bar {
    /// A bar that nothing has been drawn of yet.
    pub fn new() -> Bar {
        Bar::default()
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Progress for Bar {
    fn step(&self, step: Step<'_>) {
        let mut state = self.lock();
        if std::io::stderr().is_terminal() {
            state.draw(&step)
        } else {
            state.line(&step)
        }
        state.phase = Some(step.phase);
    }
}

impl State {
    fn draw(&mut self, step: &Step<'_>) {
        if step.phase == Phase::Done {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if self.phase != Some(step.phase) {
            bar.set_style(style(step.total > 0));
            bar.set_prefix(format!("template {}: {}", step.template, words(step.phase)));
        }
        if step.total > 0 {
            if bar.length() != Some(step.total) {
                bar.set_style(style(true));
                bar.set_length(step.total);
            }
            bar.set_position(step.done.min(step.total));
        }
        bar.set_message(detail(step));
    }

    fn line(&mut self, step: &Step<'_>) {
        let due = self.line_at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if self.phase == Some(step.phase) && !due {
            return;
        }
        // A template that was there already is nothing to talk about.
        if step.phase == Phase::Done && self.phase.is_none() {
            return;
        }
        self.line_at = Some(Instant::now());
        let count = if step.total > 0 { format!(" {}/{}", step.done, step.total) } else { String::new() };
        let detail = detail(step);
        let gap = if detail.is_empty() { "" } else { " " };
        eprintln!("template {}: {}{count}{gap}{detail}", step.template, words(step.phase));
    }
}

fn style(counted: bool) -> ProgressStyle {
    let text = if counted {
        "{spinner:.cyan} {prefix} {bar:24.cyan/dim} {pos}/{len} {wide_msg:.dim}"
    } else {
        "{spinner:.cyan} {prefix} {wide_msg:.dim}"
    };
    let style = ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─")
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Wait => "waiting for another build of it",
        Phase::Installer => "fetching uv",
        Phase::Install => "installing packages",
        Phase::Compile => "compiling to bytecode",
        Phase::Verify => "importing every package once",
        Phase::Done => "ready",
    }
}

fn detail(step: &Step<'_>) -> String {
    let mut parts = Vec::new();
    if step.bytes > 0 {
        parts.push(super::terminal::size(step.bytes));
    }
    if !step.message.is_empty() && step.message != words(step.phase) {
        parts.push(super::terminal::name(step.message));
    }
    parts.join(" · ")
}
