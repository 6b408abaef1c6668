//! The `oci` backend: containers through the API of Docker or Podman, behind whichever runtime the engine has.
//!
//! A container's attached standard input and output are the stream, the guest is its first process, and its zygote
//! lives inside. What a container is made of and which walls it really has is `container`'s, its life and end `life`'s;
//! engines, images and what is left behind are [`crate::containers`]'s.

mod container;
mod life;

use super::{Backend, Check, Later, Probe, StartError, StartRequest, Started, TemplateRoot};
use crate::Settings;
use crate::containers::{Containers, Janitor, OciSettings, Shown, failed, look};
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder};
use container::Wanted;
use life::{Guard, Life};
use protocol::{Level, Wall};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, OnceCell};

/// Sandboxes in containers.
pub struct Oci {
    shared: Arc<Shared>,
}

struct Shared {
    settings: OciSettings,
    data_dir: PathBuf,
    containers: OnceCell<Containers>,
    janitor: OnceLock<Arc<Janitor>>,
    /// One image is made at a time.
    building: Mutex<()>,
}

impl Oci {
    /// A backend that keeps what it mounts in `data_dir`. Speaks to no engine yet.
    pub fn new(settings: &Settings) -> Oci {
        let shared = Shared {
            settings: settings.oci.clone(),
            data_dir: settings.data_dir.clone(),
            containers: OnceCell::new(),
            janitor: OnceLock::new(),
            building: Mutex::default(),
        };
        Oci { shared: Arc::new(shared) }
    }
}

impl Backend for Oci {
    fn name(&self) -> &'static str {
        "oci"
    }

    fn start(&self, request: StartRequest) -> Later<'_, Result<Started, StartError>> {
        let shared = self.shared.clone();
        // On a task of its own: a start that nobody waits for any more removes what it made.
        let begun = tokio::spawn(async move { shared.begin(request).await });
        Box::pin(
            async move { begun.await.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic())) },
        )
    }

    fn uses_templates(&self) -> bool {
        self.shared.settings.image.is_none()
    }

    fn probe(&self) -> Probe {
        let settings = self.shared.settings.clone();
        let looked = std::thread::spawn(move || look(&settings)).join();
        let (checks, level) = looked.unwrap_or_else(|_| (Vec::new(), Level::SharedKernel));
        let usable = !checks.is_empty() && checks.iter().all(|check: &Check| check.holds || !check.needed);
        let walls = if usable { Wall::ALL.to_vec() } else { Vec::new() };
        Probe { backend: "oci".into(), usable, level, walls, checks }
    }

    fn prepare<'a>(&'a self, template: &'a TemplateRoot) -> Later<'a, Result<Option<String>, StartError>> {
        Box::pin(async move {
            let engine = self.shared.containers().await?;
            self.shared.image(engine, Some(template)).await.map(Some)
        })
    }
}

impl Shared {
    async fn containers(&self) -> Result<&Containers, StartError> {
        self.containers.get_or_try_init(|| Containers::find(&self.settings)).await
    }

    /// Removes containers; made with the first one. What dead owners left goes then, too.
    fn janitor(&self, engine: &Containers) -> Result<Arc<Janitor>, StartError> {
        if let Some(janitor) = self.janitor.get() {
            return Ok(janitor.clone());
        }
        let made = Janitor::start(engine.docker.clone())
            .map_err(failed("start a thread that removes containers"))?;
        Ok(self.janitor.get_or_init(|| Arc::new(made)).clone())
    }

    /// The image of a template, made when the engine does not have it.
    async fn image(
        &self,
        engine: &Containers,
        template: Option<&TemplateRoot>,
    ) -> Result<String, StartError> {
        let _turn = self.building.lock().await;
        engine.image(template, &self.data_dir).await
    }

    async fn begin(&self, request: StartRequest) -> Result<Started, StartError> {
        let engine = self.containers().await?;
        let janitor = self.janitor(engine)?;
        let (image, shown) = match &self.settings.image {
            Some(image) => (image.clone(), Shown::all(&self.data_dir).await?),
            None => (self.image(engine, request.template.as_ref()).await?, Shown::guest(&self.data_dir)?),
        };
        let wanted = Wanted::new(&request, engine, image, shown);
        let docker = &engine.docker;
        let options =
            CreateContainerOptionsBuilder::default().name(&format!("belljar-{}", request.sandbox)).build();
        let made = docker.create_container(Some(options), wanted.body()).await;
        let made = made.map_err(|error| engine.explain("make a container", error, wanted.image()))?;
        let life = Arc::new(Life::new(docker.clone(), made.id));
        let guard = Guard { life: life.clone(), janitor };
        let attach =
            AttachContainerOptionsBuilder::default().stdin(true).stdout(true).stderr(true).stream(true);
        let attached = docker.attach_container(life.id(), Some(attach.build())).await;
        let attached =
            attached.map_err(|error| engine.explain("attach to the container", error, wanted.image()))?;
        let started = docker.start_container(life.id(), None).await;
        started.map_err(|error| engine.explain("start the container", error, wanted.image()))?;
        let found = docker.inspect_container(life.id(), None).await;
        let found = found.map_err(|error| engine.explain("look at the container", error, wanted.image()))?;
        life.watch(found.state.as_ref().and_then(|state| state.pid));
        Ok(Started {
            stream: life::stream(attached, life),
            guard: Box::new(guard),
            isolation: wanted.isolation(&found, engine),
            zygote: true,
            bash: "bash".into(),
            node: "node".into(),
        })
    }
}
