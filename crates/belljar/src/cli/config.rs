//! What a person sets once: `config.toml`, named on the command line, by the environment, or in the user's own folder.
//!
//! A file of the current directory is never read: whoever made that directory is not the one who runs this.

use super::failure::{Done, Failure, reason};
use crate::render::terminal;
use agent::model::ConfiguredModels;
use interpreter::OciSettings;
use serde::Deserialize;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// All that can be set; every key is optional, and no other is accepted.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The model of `ask`, as for `--model`.
    pub default_model: Option<String>,
    /// The policy, as for `--policy`; a relative path counts from the configuration's folder.
    pub policy: Option<String>,
    /// Models by the names that `--model` takes.
    pub models: ConfiguredModels,
    /// How sandboxes are made.
    pub backend: BackendConfig,
}

/// How sandboxes are made.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackendConfig {
    /// The backend, as for `--backend`.
    pub default: Option<String>,
    /// Containers.
    pub oci: OciSettings,
}

/// The file that is read, and whether somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source {
    path: PathBuf,
    named: bool,
}

impl Config {
    /// Reads the file that `flag` or the environment names, or the user's own where there is one.
    pub fn read(flag: Option<&Path>) -> Done<Config> {
        match source(flag, |key| std::env::var_os(key)) {
            Some(source) => Config::open(&source),
            None => Ok(Config::default()),
        }
    }

    fn open(source: &Source) -> Done<Config> {
        let text = match std::fs::read_to_string(&source.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !source.named => {
                return Ok(Config::default());
            }
            Err(error) => {
                let message = format!("read the configuration {}: {}", shown(&source.path), reason(&error));
                return Err(
                    Failure::usage("config", message).hint("--config FILE or BELLJAR_CONFIG names another")
                );
            }
        };
        let mut config = Config::parse(&source.path, &text)?;
        if let Some(policy) = &mut config.policy
            && super::policy::is_file(policy)
            && let Some(folder) = source.path.parent()
        {
            *policy = folder.join(&*policy).to_string_lossy().into_owned();
        }
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Done<Config> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
            let what = terminal::harmless(error.message()).replace('\n', " ");
            let message = format!("read the configuration {}:{line}: {what}", shown(path));
            Failure::usage("config", message).hint(
                "the keys are default_model, policy and tables [models.NAME], [backend], [backend.oci]; keys of providers \
                 stay in the environment",
            )
        })
    }
}

fn shown(path: &Path) -> String {
    terminal::name(&path.to_string_lossy())
}

fn source(flag: Option<&Path>, env: impl Fn(&str) -> Option<OsString>) -> Option<Source> {
    let set = |key: &str| env(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    let named = flag.map(Path::to_owned).or_else(|| set("BELLJAR_CONFIG"));
    if let Some(path) = named {
        return Some(Source { path, named: true });
    }
    // The XDG specification wants relative paths ignored.
    let absolute = |key: &str| set(key).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(Source { path: folder.join("belljar/config.toml"), named: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_wins_and_the_current_directory_never() {
        type Env = &'static [(&'static str, &'static str)];
        type Found = Option<(&'static str, bool)>;
        let cases: [(Option<&str>, Env, Found); 7] = [
            (Some("a.toml"), &[("BELLJAR_CONFIG", "/b"), ("HOME", "/h")], Some(("a.toml", true))),
            (None, &[("BELLJAR_CONFIG", "/b"), ("HOME", "/h")], Some(("/b", true))),
            (
                None,
                &[("BELLJAR_CONFIG", ""), ("HOME", "/h")],
                Some(("/h/.config/belljar/config.toml", false)),
            ),
            (None, &[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")], Some(("/x/belljar/config.toml", false))),
            (
                None,
                &[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")],
                Some(("/h/.config/belljar/config.toml", false)),
            ),
            (None, &[("HOME", ".")], None),
            (None, &[], None),
        ];
        for (flag, pairs, expected) in cases {
            let env = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| value.into());
            let found = source(flag.map(Path::new), env);
            let expected = expected.map(|(path, named)| Source { path: path.into(), named });
            assert_eq!(found, expected, "{flag:?} {pairs:?}");
        }
    }

    #[test]
    fn the_reference_can_be_copied() {
        let page = include_str!("../../../../docs/reference/configuration.md");
        let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config = Config::parse(Path::new("configuration.md"), block).unwrap();
        assert_eq!((config.default_model.as_deref(), config.models.len()), (Some("fast"), 3));
        let oci = config.backend.oci;
        let told = [config.backend.default, oci.engine, oci.runtime, oci.image].map(|value| value.is_some());
        assert_eq!((told, oci.sockets.len()), ([true; 4], 1), "every key has an example");
    }

    #[test]
    fn errors_name_file_and_line() {
        let cases = [
            ("polcy = \"strict\"\n", 1, "unknown field `polcy`"),
            (
                "policy = \"strict\"\n[models.a]\nprovider = \"openai\"\napi_key = \"sk\"\n",
                4,
                "unknown field `api_key`",
            ),
            ("\n\npolicy = 3\n", 3, "invalid type"),
            ("policy = \"a\nb\"", 2, ""),
        ];
        for (text, line, part) in cases {
            let failure = Config::parse(Path::new("/etc/c.toml"), text).unwrap_err();
            let place = format!("read the configuration /etc/c.toml:{line}: ");
            assert!(failure.message.starts_with(&place) && failure.message.contains(part), "{failure}");
            assert_eq!((failure.exit, failure.code), (2, "config"), "{failure}");
        }
    }

    #[test]
    fn a_policy_beside_the_configuration_is_found_from_anywhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.toml");
        for (policy, expected) in [
            ("strict", "strict".to_owned()),
            ("mine.toml", dir.path().join("mine.toml").display().to_string()),
            ("/etc/p.toml", "/etc/p.toml".to_owned()),
        ] {
            std::fs::write(&path, format!("policy = {policy:?}\n")).unwrap();
            let config = Config::read(Some(&path)).unwrap();
            assert_eq!(config.policy, Some(expected));
        }
        assert!(Config::read(Some(&dir.path().join("none"))).is_err());
        let unnamed = Source { path: dir.path().join("none"), named: false };
        assert_eq!(Config::open(&unnamed).unwrap(), Config::default());
    }
}
