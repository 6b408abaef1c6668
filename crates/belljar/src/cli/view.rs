//! From events to what `--json`, `--events` or a person gets, and to the files of `--out`.

use super::download::OutDir;
use super::failure::{Done, Failure, reason};
use super::signals::{Came, Signals};
use super::{live, pick};
use crate::render::{self, Picture, Screen, findings, terminal};
use interpreter::{Error, Execution, FileError, Sandbox};
use protocol::{Bundle, Category, Event, EventKind, FileChange, Outcome, Status, Strength};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Code of the failure to fetch a file that is not there any more.
const GONE: &str = "file_gone";

/// Who reads standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A person, or a pipe that wants what the code says.
    Person,
    /// A program that wants one `Outcome`.
    Json,
    /// A program that wants every `Event`.
    Events,
    /// Nobody: only files are written.
    Nobody,
}

/// Code that is being run, for showing places in it.
#[derive(Debug)]
pub struct Source {
    /// What people call it.
    pub label: String,
    /// The code.
    pub code: String,
    /// The policy's name.
    pub policy: String,
}

/// Shows executions and keeps what they made.
#[derive(Debug)]
pub struct View {
    /// The code whose execution comes next.
    pub source: Option<Source>,
    reader: Reader,
    /// Other code may run before files are fetched.
    goes_on: bool,
    /// A person's terminal.
    pub screen: Screen,
    out: Option<OutDir>,
    figures: Figures,
    /// Name of the template, for hints.
    template: String,
    warned: bool,
}

/// Pictures written so far.
#[derive(Debug, Default)]
struct Figures {
    count: u32,
    names: BTreeSet<String>,
    by_display: BTreeMap<String, String>,
}

impl View {
    /// For this reader; files go to `out`.
    pub fn new(reader: Reader, out: Option<OutDir>, template: &str) -> View {
        View::on(Screen::new(), reader, out, template)
    }

    /// The same on this screen.
    pub fn on(screen: Screen, reader: Reader, out: Option<OutDir>, template: &str) -> View {
        let template = template.to_owned();
        let (source, goes_on, figures, warned) = Default::default();
        View { source, reader, goes_on, screen, out, figures, template, warned }
    }

    /// Files that are not there any more when they are fetched are no failure: other code has run since.
    pub fn going_on(self) -> View {
        View { goes_on: true, ..self }
    }

    /// True where files are kept.
    pub fn keeps_files(&self) -> bool {
        self.out.is_some()
    }

    /// Follows an execution to its end. The first Ctrl-C interrupts it; what comes after that ends everything.
    pub async fn follow(&mut self, mut execution: Execution, signals: &mut Signals) -> Done<Outcome> {
        // Held until files are fetched; without one the code was refused and made nothing.
        let sandbox = execution.sandbox().cloned();
        let sandbox = sandbox.as_deref();
        loop {
            let event = tokio::select! {
                event = execution.next() => event,
                came = signals.next() => match came {
                    Came::Interrupt => {
                        execution.interrupt();
                        continue;
                    }
                    Came::End(number) => return Err(Failure::signal(number)),
                },
            };
            let Some(event) = event else {
                return Err(Failure::ours("no_outcome", "learn how the execution ended"));
            };
            if let Some(outcome) = self.event(event, sandbox).await? {
                signals.unless(self.download(&outcome, sandbox)).await?;
                return Ok(outcome);
            }
        }
    }

    /// Shows one event; gives back the outcome with the last.
    pub async fn event(&mut self, event: Event, sandbox: Option<&Sandbox>) -> Done<Option<Outcome>> {
        if self.reader == Reader::Events {
            render::print(&format!("{}\n", to_json(&event)?))?;
        }
        let person = self.reader == Reader::Person;
        match event.kind {
            EventKind::Stdout { text } if person => self.screen.stdout(&text)?,
            EventKind::Stderr { text } if person => self.screen.stderr(&text)?,
            EventKind::Truncated { stream, bytes } if person => self.screen.truncated(&stream, bytes)?,
            EventKind::Result { bundle, display_id, .. } => {
                self.result(&bundle, display_id.as_deref(), sandbox).await?;
            }
            EventKind::End { outcome } => {
                self.end(&outcome)?;
                return Ok(Some(*outcome));
            }
            _ => {}
        }
        Ok(None)
    }

    async fn result(
        &mut self,
        bundle: &Bundle,
        display: Option<&str>,
        sandbox: Option<&Sandbox>,
    ) -> Done<()> {
        let picture = Picture::find(bundle);
        let saved = match (&picture, page(bundle)) {
            (Some(picture), _) => self.save(&picture.bytes, picture.extension, display, sandbox).await?,
            (None, Some(html)) => self.save(html.as_bytes(), "html", display, sandbox).await?,
            _ => None,
        };
        if self.reader == Reader::Person {
            self.screen.result(bundle, picture.as_ref(), saved.as_deref())?;
        }
        Ok(())
    }

    /// Writes `figure-N` below `--out`; gives back how people call it.
    async fn save(
        &mut self,
        bytes: &[u8],
        extension: &str,
        display: Option<&str>,
        sandbox: Option<&Sandbox>,
    ) -> Done<Option<String>> {
        let (Some(out), Some(sandbox)) = (&self.out, sandbox) else { return Ok(None) };
        let known = display.and_then(|id| self.figures.by_display.get(id));
        let name = match known.filter(|name| name.ends_with(extension)) {
            Some(name) => name.clone(),
            None => loop {
                self.figures.count += 1;
                let name = format!("figure-{}.{extension}", self.figures.count);
                // The script may have saved a file of that name itself.
                if sandbox.files().stat(&name).await.is_err() {
                    break name;
                }
            },
        };
        let (mut file, pending) = out.create(&name)?;
        file.write_all(bytes).map_err(|error| unwritten(&name, &error))?;
        let shown = pending.finish()?;
        if let Some(id) = display {
            self.figures.by_display.insert(id.to_owned(), name.clone());
        }
        self.figures.names.insert(name);
        Ok(Some(shown))
    }

    fn end(&mut self, outcome: &Outcome) -> Done<()> {
        match self.reader {
            Reader::Events | Reader::Nobody => return Ok(()),
            Reader::Json => return render::print(&format!("{}\n", to_json(outcome)?)),
            Reader::Person => self.screen.new_line()?,
        }
        if outcome.status == Status::Denied
            && let Some(source) = &self.source
        {
            let text =
                findings::block(&source.label, &source.code, &outcome.findings, self.screen.err_look());
            self.screen.tell(&text)?;
            let policy = terminal::name(&source.policy);
            return self.screen.note(&format!("denied by the policy {policy}: nothing ran"));
        }
        if let Some(error) = &outcome.error {
            let hint =
                (error.category == Category::Import).then(|| self.import_hint(&error.message)).flatten();
            self.screen.error(error, hint.as_deref())?;
            if self.source.is_some() {
                findings::advice(&outcome.findings).iter().try_for_each(|line| self.screen.note(line))?;
            }
        }
        let weak = outcome.isolation.as_ref().filter(|isolation| isolation.strength == Strength::Weak);
        if let Some(isolation) = weak
            && !std::mem::replace(&mut self.warned, true)
        {
            let missing: Vec<String> = isolation.missing.iter().map(ToString::to_string).collect();
            let text = format!("weak isolation, without {}; see `belljar doctor`", missing.join(", "));
            self.screen.warning(&text)?;
        }
        Ok(())
    }

    /// Another template that has the missing module.
    fn import_hint(&self, message: &str) -> Option<String> {
        let module = message.split('\'').nth(1)?;
        let template = pick::having(module).filter(|name| *name != self.template)?;
        Some(format!("the template {template} has it: run again with --template {template}"))
    }

    /// Fetches what the execution made or changed. Tries every file, then tells of the first that failed.
    pub async fn download(&mut self, outcome: &Outcome, sandbox: Option<&Sandbox>) -> Done<()> {
        if outcome.files.is_empty() {
            return Ok(());
        }
        if self.out.is_none() {
            return if outcome.context_alive { self.lost(&outcome.files) } else { Ok(()) };
        }
        let mut failed = None;
        for change in &outcome.files {
            if self.figures.names.contains(&change.path) {
                self.move_figure(&change.path)?;
            }
            match self.fetch(&change.path, sandbox).await {
                Err(failure) if failure.code == GONE && self.goes_on => {}
                Ok(shown) if self.reader == Reader::Person => {
                    self.screen.note(&format!("{shown}  {}", terminal::size(change.size)))?;
                }
                Ok(_) => {}
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        let (dropped, kept) = (outcome.truncated.files, outcome.files.len());
        if dropped > 0 && failed.is_none() {
            let text =
                format!("write {dropped} more files: only {kept} changed files are listed for one execution");
            failed = Some(
                Failure::ours("out_unwritten", text).hint("pack them into an archive inside the sandbox"),
            );
        }
        failed.map_or(Ok(()), Err)
    }

    async fn fetch(&self, path: &str, sandbox: Option<&Sandbox>) -> Done<String> {
        let (Some(out), Some(sandbox)) = (&self.out, sandbox) else { return Ok(String::new()) };
        let (file, pending) = out.create(path)?;
        let mut file = tokio::fs::File::from_std(file);
        sandbox.files().read(path, &mut file).await.map_err(|error| match error {
            Error::File(FileError::Sink { error, .. }) => unwritten(path, &error),
            Error::File(FileError::Refused { errno: 2, .. }) => {
                Failure { code: GONE, ..live::failure(error) }
            }
            other => live::failure(other),
        })?;
        let flushed = tokio::io::AsyncWriteExt::flush(&mut file).await;
        flushed.map_err(|error| unwritten(path, &error))?;
        pending.finish()
    }

    /// A file of the sandbox has a figure's name: the figure makes room.
    fn move_figure(&mut self, name: &str) -> Done<()> {
        let Some(out) = &self.out else { return Ok(()) };
        let extension = name.rsplit('.').next().unwrap_or("png");
        self.figures.count += 1;
        let next = format!("figure-{}.{extension}", self.figures.count);
        out.rename(name, &next)?;
        self.figures.names.remove(name);
        self.figures.names.insert(next.clone());
        let (old, new) = (out.shown(name), out.shown(&next));
        self.screen.warning(&format!("the code made a file {old} of its own: the figure is {new} now"))
    }

    /// Tells a person which files end with the sandbox.
    pub fn lost(&mut self, files: &[FileChange]) -> Done<()> {
        if self.reader != Reader::Person || !self.screen.has_reader() || files.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = files.iter().take(3).map(|file| terminal::name(&file.path)).collect();
        let more = if files.len() > 3 { ", …" } else { "" };
        let names = shown.join(", ");
        self.screen.note(&format!("files end with the sandbox: {names}{more} (--out DIR keeps them)"))
    }
}

/// A page that is more than another view of the text: plotly, bokeh and the like.
fn page(bundle: &Bundle) -> Option<&str> {
    let html = bundle.data.get("text/html")?.as_str()?;
    let interactive = |mime: &String| mime.contains("plotly") || mime.contains("bokeh");
    let alone = !bundle.data.contains_key("text/plain");
    (alone || bundle.data.keys().any(interactive)).then_some(html)
}

fn unwritten(name: &str, error: &std::io::Error) -> Failure {
    let name = terminal::name(name);
    let failure = Failure::ours("out_unwritten", format!("write {name} below --out: {}", reason(error)));
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            failure.hint("free some space, or name another disk with --out")
        }
        _ => failure,
    }
}

/// A value on one line.
pub fn to_json(value: &impl serde::Serialize) -> Done<String> {
    serde_json::to_string(value).map_err(|error| Failure::ours("json", format!("write JSON: {error}")))
}
