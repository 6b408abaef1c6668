//! The `oci` backend: containers through the API of Docker or Podman, behind whichever runtime the engine has.
//!
//! A container's attached standard input and output are the stream, the guest is its first process, and its zygote
//! lives inside. What a container is made of and which walls it really has is `container`'s, its life and end `life`'s;
//! engines, images and what is left behind are [`crate::containers`]'s.

mod container;
mod life;

use super::{Backend, Check, Later, Probe, StartError, StartRequest, Started, TemplateRoot};
use crate::Settings;
use crate::containers::{CREATE, Containers, OciSettings, Shown, look};
use bollard::query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder};
use container::Wanted;
use life::{Guard, Life};
use protocol::{Level, Wall};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Sandboxes in containers.
pub struct Oci {
    shared: Arc<Shared>,
}

struct Shared {
    settings: OciSettings,
    data_dir: PathBuf,
    containers: OnceCell<Containers>,
}

impl Oci {
    /// A backend that keeps what it mounts in `data_dir`. Speaks to no engine yet.
    pub fn new(settings: &Settings) -> Oci {
        let shared = Shared {
            settings: settings.oci.clone(),
            data_dir: settings.data_dir.clone(),
            containers: OnceCell::new(),
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

    fn prepare<'a>(
        &'a self,
        template: &'a TemplateRoot,
        again: bool,
    ) -> Later<'a, Result<Option<String>, StartError>> {
        Box::pin(async move {
            let (engine, data_dir) = (self.shared.containers().await?, &self.shared.data_dir);
            let made = match again {
                true => engine.image_again(template, data_dir).await,
                false => engine.image(Some(template), data_dir).await,
            };
            made.map(Some)
        })
    }
}

impl Shared {
    async fn containers(&self) -> Result<&Containers, StartError> {
        self.containers.get_or_try_init(|| Containers::find(&self.settings)).await
    }

    async fn begin(&self, request: StartRequest) -> Result<Started, StartError> {
        let engine = self.containers().await?;
        let (template, data_dir) = (request.template.as_ref(), &self.data_dir);
        let (image, shown) = match &self.settings.image {
            Some(image) => (image.clone(), Shown::all(data_dir, engine.volumes_of(image).await).await?),
            None => (engine.image(template, data_dir).await?, Shown::guest(data_dir)?),
        };
        let wanted = Wanted::new(&request, engine, image, shown);
        let (docker, image) = (&engine.docker, &wanted.image);
        let refused = |step| move |error| engine.explain(step, error, image);
        let name = format!("belljar-{}", request.sandbox);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let janitor = engine.janitor()?;
        let made = docker.create_container(Some(options), wanted.body()).await;
        let made = made.map_err(refused(CREATE))?;
        let life = Arc::new(Life::new(docker.clone(), made.id, janitor));
        let guard = Guard(life.clone());
        let streams = AttachContainerOptionsBuilder::default().stdin(true).stdout(true).stderr(true);
        let attached = docker.attach_container(&life.id, Some(streams.stream(true).build())).await;
        let attached = attached.map_err(refused("attach to the container"))?;
        docker.start_container(&life.id, None).await.map_err(refused("start the container"))?;
        let found = docker.inspect_container(&life.id, None).await;
        let found = found.map_err(refused("look at the container"))?;
        let isolation = wanted.isolation(&found, engine);
        // A group without the limits is not the sandbox's alone.
        if isolation.walls.contains(&Wall::Cgroup) {
            life.watch(found.state.as_ref().and_then(|state| state.pid));
        }
        Ok(Started {
            stream: life::stream(attached, life),
            guard: Box::new(guard),
            isolation,
            zygote: true,
            bash: "bash".into(),
            node: "node".into(),
        })
    }
}
