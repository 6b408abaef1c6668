//! Where this process works: its data folder, its configuration and its runtime.

use super::config::Config;
use super::failure::{Done, Failure, reason};
use super::live::template_failure;
use interpreter::template::Store;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What every command has.
#[derive(Debug)]
pub struct Site {
    data_dir: Option<PathBuf>,
    config: Option<PathBuf>,
    /// Drives sandboxes.
    pub runtime: Runtime,
}

impl Site {
    /// With the data folder and the configuration of the command line, where it names them.
    pub fn new(data_dir: Option<PathBuf>, config: Option<PathBuf>) -> Done<Site> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // One thread besides the main one: it serves sandboxes and signals while the main one writes or edits.
        let runtime = builder.worker_threads(1).enable_all().build();
        let runtime = runtime
            .map_err(|error| Failure::ours("runtime", format!("start a thread: {}", reason(&error))))?;
        Ok(Site { data_dir, config, runtime })
    }

    /// The data folder. Not made, not even looked at.
    pub fn data_dir(&self) -> Done<PathBuf> {
        data_dir(self.data_dir.clone(), |key| std::env::var_os(key))
    }

    /// What the configuration sets.
    pub fn config(&self) -> Done<Config> {
        Config::read(self.config.as_deref())
    }

    /// The journal's file. Not made, not even looked at.
    pub fn journal_path(&self) -> Done<PathBuf> {
        Ok(self.data_dir()?.join("journal.sqlite"))
    }

    /// The templates of the data folder.
    pub fn store(&self) -> Done<Store> {
        Ok(Store::open(self.data_dir()?)
            .map_err(template_failure)?
            .with_python(std::env::var_os("BELLJAR_PYTHON").map(PathBuf::from)))
    }

    /// Ends the runtime without waiting for threads that read or build.
    pub fn close(self) {
        self.runtime.shutdown_timeout(Duration::ZERO);
    }
}

fn data_dir(flag: Option<PathBuf>, env: impl Fn(&str) -> Option<OsString>) -> Done<PathBuf> {
    let set = |key: &str| env(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The XDG specification wants relative paths ignored.
    let absolute = |key: &str| set(key).filter(|path| path.is_absolute());
    flag.or_else(|| set("BELLJAR_DATA_DIR"))
        .or_else(|| absolute("XDG_DATA_HOME").map(|dir| dir.join("belljar")))
        .or_else(|| absolute("HOME").map(|dir| dir.join(".local/share/belljar")))
        .ok_or_else(|| {
            Failure::ours("no_data_dir", "choose a data folder: there is no HOME")
                .hint("set BELLJAR_DATA_DIR to a folder that you may write")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_is_the_nearest_one_named() {
        type Env = &'static [(&'static str, &'static str)];
        let cases: [(Env, Option<&str>); 6] = [
            (&[("BELLJAR_DATA_DIR", "/b"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")], Some("/b")),
            (&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")], Some("/x/belljar")),
            (&[("XDG_DATA_HOME", "x"), ("HOME", "/h")], Some("/h/.local/share/belljar")),
            (&[("BELLJAR_DATA_DIR", ""), ("HOME", "/h")], Some("/h/.local/share/belljar")),
            (&[("HOME", "")], None),
            (&[], None),
        ];
        for (pairs, dir) in cases {
            let env = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| value.into());
            assert_eq!(data_dir(None, env).ok().as_deref(), dir.map(std::path::Path::new), "{pairs:?}");
        }
    }
}
