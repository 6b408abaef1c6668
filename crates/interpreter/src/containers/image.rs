//! Images of templates: made on this host out of a template and a minimal root, without a registry.

use super::{Containers, failed};
use crate::backend::{StartError, TemplateRoot, driver};
use crate::template::image::{self, ImageError};
use crate::template::lock;
use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptions};
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Bytes of one piece of an image on its way to the engine.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait for the engine.
const PIECES: usize = 16;

/// What an image without a template is called.
const SYSTEM: &str = "system";

/// The name of a template's image, which no registry has. It changes with everything that is in it.
fn name(template: Option<&TemplateRoot>, driver: &Path) -> String {
    let driver = driver.file_name().unwrap_or_default().to_string_lossy();
    let (name, hash) = template.map_or((SYSTEM, ""), |template| (&template.name, &template.hash));
    let text = format!("{} {hash} {driver}", image::FORMAT);
    let hash: String = Sha256::digest(text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("localhost/belljar/{name}:{hash}")
}

impl Containers {
    /// The image of a template, by its name. It is made when the engine does not have it.
    pub async fn image(
        &self,
        template: Option<&TemplateRoot>,
        data_dir: &Path,
    ) -> Result<String, StartError> {
        let _turn = self.building.lock().await;
        let driver = driver_of(template, data_dir).await?;
        let name = name(template, &driver);
        if self.docker.inspect_image(&name).await.is_ok() {
            return Ok(name);
        }
        // Another process may be making it.
        let _lock = alone(data_dir).await?;
        if self.docker.inspect_image(&name).await.is_err() {
            self.make_image(&name, template, driver).await?;
        }
        Ok(name)
    }

    /// The same, made in any case. What bore the name before is removed where no container has it.
    pub async fn image_again(&self, template: &TemplateRoot, data_dir: &Path) -> Result<String, StartError> {
        let _turn = self.building.lock().await;
        let _lock = alone(data_dir).await?;
        let driver = driver_of(Some(template), data_dir).await?;
        let name = name(Some(template), &driver);
        let id = async || self.docker.inspect_image(&name).await.ok().and_then(|image| image.id);
        let before = id().await;
        self.make_image(&name, Some(template), driver).await?;
        if let Some(old) = before
            && id().await.is_some_and(|new| new != old)
        {
            let _ = self.docker.remove_image(&old, None::<RemoveImageOptions>, None).await;
        }
        Ok(name)
    }

    /// The volumes that an image declares. Of one that is not there, making a container tells.
    pub async fn volumes_of(&self, image: &str) -> Vec<String> {
        let found = self.docker.inspect_image(image).await;
        found.ok().and_then(|found| found.config?.volumes).unwrap_or_default()
    }

    async fn make_image(
        &self,
        name: &str,
        template: Option<&TemplateRoot>,
        driver: PathBuf,
    ) -> Result<(), StartError> {
        let (sender, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES);
        let template = template.cloned();
        let writing = tokio::task::spawn_blocking(move || {
            let mut out = io::BufWriter::with_capacity(PIECE_BYTES, Pieces(sender.clone()));
            let written = image::write(template.as_ref(), &driver, &mut out);
            let written = written.and_then(|()| io::Write::flush(&mut out).map_err(ImageError::Write));
            if let Err(error) = &written {
                let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
            }
            written
        });
        // With its tag: Podman does not hear of it otherwise.
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(name).build();
        let body = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
        let body = bollard::body_try_stream(body);
        let imported =
            self.docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await;
        let written = writing.await.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()));
        let step = format!("make the image {name}");
        match (written, imported) {
            (Ok(()), Ok(_)) => Ok(()),
            // An engine that hung up has said why.
            (Ok(()) | Err(ImageError::Write(_)), Err(error)) => Err(self.explain(&step, error, name)),
            (Err(error), _) => Err(StartError::new("image", format!("cannot {step}: cannot {error}"))),
        }
    }
}

/// Waits until no other process with this data folder makes an image, and keeps it so while the file is held.
async fn alone(data_dir: &Path) -> Result<std::fs::File, StartError> {
    let folder = data_dir.join("containers");
    let taken = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        lock::take(&folder.join(".lock-images"), &|| {})
    });
    let taken = taken.await.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()));
    taken.map_err(failed("take turns at making images"))
}

/// The driver's files, with bytecode for the template's Python.
async fn driver_of(template: Option<&TemplateRoot>, data_dir: &Path) -> Result<PathBuf, StartError> {
    let (folder, template) = (data_dir.to_owned(), template.cloned());
    let prepared = tokio::task::spawn_blocking(move || driver::prepare(&folder, template.as_ref())).await;
    prepared.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()))
}

/// Writes into the channel to the engine.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(Ok(piece)).map_err(|_| io::Error::other("the engine hung up"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
