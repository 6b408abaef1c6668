//! What of this host a container is shown: the guest, for images that are not ours everything that they lack, and the
//! profile of system calls.

use super::failed;
use crate::backend::{StartError, driver};
use crate::template::Store;
use jail::plan::inside;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

static GUEST: &[u8] = include_bytes!(env!("BELLJAR_GUEST"));
/// Calls that the guest makes before it denies them to all.
const SETTLING: [&str; 2] = ["unshare", "capset"];

/// Our table of system calls in the engine's words. The guest puts its own, stricter filters above.
pub(crate) fn profile() -> String {
    let names: Vec<&str> = jail::allowed_names().chain(SETTLING).collect();
    let allow = serde_json::json!({ "names": names, "action": "SCMP_ACT_ALLOW" });
    serde_json::json!({ "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": [allow] })
        .to_string()
}

/// What of ours a container is shown, on this host.
pub(crate) struct Shown {
    /// Mounts, in the engine's words.
    pub binds: Vec<String>,
    /// The profile of system calls, as a file.
    pub profile: PathBuf,
    /// Whether the image has nothing of ours.
    pub all: bool,
    /// Folders of its own disk that the image wants to be given by the engine.
    pub volumes: Vec<String>,
}

impl Shown {
    /// The guest alone, for images of templates, which have all else.
    pub fn guest(data_dir: &Path) -> Result<Shown, StartError> {
        let folder = folder(data_dir)?;
        let binds = vec![format!("{}:{}:ro,z", folder.join("own/guest").display(), inside::GUEST)];
        Ok(Shown { binds, profile: folder.join("seccomp.json"), all: false, volumes: Vec::new() })
    }

    /// Everything, for an image that has nothing of it: guest, driver, and IPython for the image's own Python.
    pub async fn all(data_dir: &Path, volumes: Vec<String>) -> Result<Shown, StartError> {
        let data_dir = data_dir.to_owned();
        let made = tokio::task::spawn_blocking(move || Shown::make_all(&data_dir, volumes)).await;
        made.unwrap_or_else(|gone| std::panic::resume_unwind(gone.into_panic()))
    }

    fn make_all(data_dir: &Path, volumes: Vec<String>) -> Result<Shown, StartError> {
        let driver = driver::prepare(data_dir, None)?;
        let store = Store::open(data_dir).and_then(|store| store.ensure("python", &()));
        let python = store.map_err(|error| StartError {
            hint: Some(error.hint()),
            ..StartError::new("template", format!("cannot {error}"))
        })?;
        let folder = folder(data_dir)?;
        let bind = |from: &Path, to: &str| format!("{}:{}{to}:ro,z", from.display(), inside::OWN);
        let binds = vec![
            bind(&folder.join("own"), ""),
            bind(&driver, "/driver"),
            bind(&python.packages(), "/packages"),
        ];
        Ok(Shown { binds, profile: folder.join("seccomp.json"), all: true, volumes })
    }
}

/// A folder with what containers need of this host: `own` as they see `/.belljar`, and the profile.
fn folder(data_dir: &Path) -> Result<PathBuf, StartError> {
    use std::os::unix::fs::PermissionsExt;
    let mut hasher = Sha256::new();
    hasher.update(GUEST);
    hasher.update(profile());
    let hash: String = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let parent = data_dir.join("containers");
    let ready = parent.join(hash);
    if ready.is_dir() {
        return Ok(ready);
    }
    let aside = parent.join(format!(".making-{:032x}", crate::ids::random()));
    let write = || -> std::io::Result<()> {
        for folder in ["driver", "packages", "template"] {
            std::fs::create_dir_all(aside.join("own").join(folder))?;
        }
        let profile = profile();
        for (name, content, mode) in [
            ("own/guest", GUEST, 0o755),
            ("own/walls-probe", b"closed\n", 0o644),
            ("seccomp.json", profile.as_bytes(), 0o644),
        ] {
            std::fs::write(aside.join(name), content)?;
            std::fs::set_permissions(aside.join(name), PermissionsExt::from_mode(mode))?;
        }
        for folder in ["", "own", "own/driver", "own/packages", "own/template"] {
            std::fs::set_permissions(aside.join(folder), PermissionsExt::from_mode(0o755))?;
        }
        driver::publish(&aside, &ready)
    };
    write().map(|()| ready.clone()).map_err(failed("write the guest for containers"))
}
