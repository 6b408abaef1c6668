//! What a question needs before it can be put: a model, a policy, a template, an interpreter, files.

use super::AskArgs;
use super::tell::Teller;
use crate::cli::failure::{Done, Failure, reason};
use crate::cli::live::Live;
use crate::cli::options::TEMPLATE;
use crate::cli::signals::Signals;
use crate::cli::upload::Uploads;
use crate::cli::{Site, code, model, policy};
use crate::render::terminal::harmless;
use ::policy::Policy;
use agent::model::{Model, Recorder};
use agent::{Chat, MakeSandbox, Mode, NoSandbox, Setup};
use interpreter::{Sandbox, SandboxRequest, Settings};
use journal::Journal;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The sandbox that was made last, for whoever fetches files.
#[derive(Debug, Clone, Default)]
pub struct Slot(Arc<Mutex<Weak<Sandbox>>>);

impl Slot {
    /// The sandbox, while it lives.
    pub fn get(&self) -> Option<Arc<Sandbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn set(&self, sandbox: &Arc<Sandbox>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(sandbox);
    }
}

/// A request in which nothing is wrong. Nothing is started yet.
pub struct Ready {
    /// Name of the template.
    pub template: String,
    /// What code may do.
    pub policy: Arc<Policy>,
    model: Arc<dyn Model>,
    mode: Option<Mode>,
    system: Option<String>,
    uploads: Uploads,
    room: SandboxRequest,
    settings: Settings,
    undo_failed: bool,
}

impl Ready {
    /// Checks everything that the command line names.
    pub fn check(args: &AskArgs, site: &Site) -> Done<Ready> {
        let uploads = Uploads::collect(&args.uploads)?;
        let template = args.sandbox.template.clone().unwrap_or_else(|| TEMPLATE.to_owned());
        let room = args.sandbox.request(&template)?;
        uploads.check(&room.limits)?;
        let policy = Arc::new(policy::choose(args.policy.as_deref(), site)?);
        let settings = Settings { policy: policy.clone(), ..args.sandbox.settings(site)? };
        let system = args.system.as_deref().map(|path| code::text(path, "the instructions")).transpose()?;
        let mut model = model::open(args.model.as_deref(), site)?;
        if let Some(path) = &args.record {
            let recorder = Recorder::wrap(model, path).map_err(|error| {
                let message = format!("write the recording {}: {}", path.display(), reason(&error));
                Failure::usage("record_unwritable", message)
                    .hint("name a file that you may write with --record")
            })?;
            model = Arc::new(recorder);
        }
        let (mode, undo_failed) = (args.mode, !args.keep_failed);
        Ok(Ready { template, policy, model, mode, system, uploads, room, settings, undo_failed })
    }

    /// True where the model replies with programs instead of calling a tool.
    pub fn is_direct(&self) -> bool {
        self.mode.map_or(!self.model.traits().tools, |mode| mode == Mode::Direct)
    }

    /// What answers, for a person.
    pub fn title(&self) -> String {
        let (model, template, policy) = (self.model.name(), &self.template, self.policy.name());
        harmless(&format!("{model}, template {template}, policy {policy}"))
    }

    /// Makes the template ready and begins a chat. A sandbox is made when the first code may run.
    pub async fn open(self, site: &Site, signals: &mut Signals, teller: &mut Teller) -> Done<Chat> {
        let live = Arc::new(signals.unless(Live::open(site, &self.room, self.settings)).await?);
        let listing = site.store()?.show(&self.template).map_err(crate::cli::live::template_failure)?;
        let libraries = listing.libraries().into_iter().map(|one| (one.name, one.version)).collect();
        let journal = match Journal::open(&site.journal_path()?).await {
            Ok(journal) => Some(journal),
            Err(error) => {
                teller.warning(&format!("this is not written to the journal: cannot {error}"))?;
                None
            }
        };
        let files = self.uploads.entries.iter().filter(|entry| entry.source.is_some());
        let files = files.map(|entry| (entry.path.clone(), entry.bytes)).collect();
        Ok(Chat::new(Setup {
            interpreter: live.interpreter(),
            caller: live.caller(),
            model: self.model,
            journal,
            policy: self.policy,
            system: self.system,
            mode: self.mode,
            files,
            room: self.room.clone(),
            sandbox: maker(live, self.room, self.uploads, teller.slot()),
            libraries,
            undo_failed: self.undo_failed,
        }))
    }
}

fn maker(live: Arc<Live>, room: SandboxRequest, uploads: Uploads, slot: Slot) -> MakeSandbox {
    let uploads = Arc::new(uploads);
    Box::new(move || {
        let (live, room, uploads, slot) = (live.clone(), room.clone(), uploads.clone(), slot.clone());
        Box::pin(async move {
            let sandbox = live.sandbox(room, &uploads).await.map_err(no_sandbox)?;
            slot.set(&sandbox);
            Ok(sandbox)
        })
    })
}

fn no_sandbox(failure: Failure) -> NoSandbox {
    let Failure { code, message, hint, .. } = failure;
    NoSandbox { code: code.to_owned(), message, hint }
}
