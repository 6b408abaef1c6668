//! Images of templates: made on this host out of a template and a minimal root, without a registry.

use super::Containers;
use crate::backend::{StartError, TemplateRoot, driver};
use crate::template::image;
use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
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
        ensure(&self.docker, template, data_dir).await
    }
}

async fn ensure(
    docker: &Docker,
    template: Option<&TemplateRoot>,
    data_dir: &Path,
) -> Result<String, StartError> {
    let (folder, wanted) = (data_dir.to_owned(), template.cloned());
    let prepared = tokio::task::spawn_blocking(move || driver::prepare(&folder, wanted.as_ref())).await;
    let driver = prepared.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()))?;
    let name = name(template, &driver);
    if docker.inspect_image(&name).await.is_ok() {
        return Ok(name);
    }
    let (sender, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    let wanted = template.cloned();
    let writing = tokio::task::spawn_blocking(move || {
        let mut out = io::BufWriter::with_capacity(PIECE_BYTES, Pieces(sender.clone()));
        let written = image::write(wanted.as_ref(), &driver, &mut out).map_err(|error| error.to_string());
        let written = written.and_then(|()| io::Write::flush(&mut out).map_err(|error| error.to_string()));
        if let Err(error) = &written {
            let _ = sender.blocking_send(Err(io::Error::other(error.clone())));
        }
        written
    });
    // With its tag: Podman does not hear of it otherwise.
    let options = CreateImageOptionsBuilder::default().from_src("-").repo(&name).build();
    let body = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
    let body = bollard::body_try_stream(body);
    let imported = docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await;
    let written = writing.await.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()));
    let error = match (written, imported) {
        (Ok(()), Ok(_)) => return Ok(name),
        // An engine that hung up has said why.
        (_, Err(error)) => error.to_string(),
        (Err(error), Ok(_)) => error,
    };
    let full = error.contains("no space left");
    let hint = if full { "the engine's disk is full: `docker system df` tells by what" } else { "" };
    Err(StartError {
        hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()),
        ..StartError::new(
            if full { "disk_full" } else { "image" },
            format!("cannot make the image {name}: {error}"),
        )
    })
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
