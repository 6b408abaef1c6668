//! What `belljar doctor` tells of containers: engine, runtimes, limits, users, and programs that are known to let out.

use super::{Containers, OciSettings};
use crate::backend::{Check, StartError};
use protocol::Level;

/// Programs of which older versions let containers out: name, the first good version of each line, what is wrong.
const KNOWN_BAD: [(&str, &[[u32; 3]], &str); 3] = [
    (
        "runc",
        &[[1, 2, 8], [1, 3, 3], [1, 4, 0]],
        "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 (masked paths)",
    ),
    ("crun", &[[1, 20, 0]], "CVE-2025-24965 (file system root)"),
    ("containerd", &[[1, 6, 38], [1, 7, 27], [2, 0, 4]], "CVE-2024-40635 (user ids)"),
];

impl Containers {
    fn checks(&self) -> Vec<Check> {
        let gvisor = self.runtimes.iter().find(|name| name.contains("runsc"));
        let install = match self.is_podman {
            true => "sudo apt install runsc, and `runtime = \"runsc\"` below [engine] in containers.conf",
            false => "sudo apt install runsc && sudo runsc install && sudo systemctl reload docker",
        };
        let mut checks = vec![
            Check { needed: true, ..holds("engine", format!("{}, {}", self.title, self.socket.display())) },
            holds("runtimes", self.runtimes.join(", ")),
            match gvisor {
                Some(name) => {
                    holds("gVisor", format!("--runtime {name}: a kernel of its own for each sandbox"))
                }
                None => {
                    lacks("gVisor", "no runtime of the engine: sandboxes share the host's kernel", install)
                }
            },
            match self.limits {
                true => holds("limits", "memory, processes and CPU of a whole sandbox"),
                false => lacks(
                    "limits",
                    "the engine holds none: the guest watches memory and processes",
                    "use control groups v2, with a rootful engine or delegated controllers",
                ),
            },
            match self.remapped {
                true => holds("users", "mapped by the engine: no user of a container is one of this host"),
                false => holds("users", "a kernel user of its own for each sandbox"),
            },
        ];
        checks.extend(KNOWN_BAD.iter().filter_map(|known| self.version(known)));
        checks
    }

    fn version(&self, (name, good, what): &(&str, &[[u32; 3]], &str)) -> Option<Check> {
        let (_, version) =
            self.parts.iter().find(|(part, _)| part == name || part.ends_with(&format!("({name})")))?;
        // Podman tells more than a number.
        let version =
            version.split([' ', '\n', ',']).find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        if !is_older(version, good) {
            return Some(holds(name, version));
        }
        let good: Vec<String> =
            good.iter().map(|[major, minor, micro]| format!("{major}.{minor}.{micro}")).collect();
        let remedy =
            format!("{name} {} or newer, unless your distribution has mended {version}", good.join(", "));
        Some(lacks(name, format!("{version}: {what}"), &remedy))
    }
}

fn holds(name: &str, found: impl Into<String>) -> Check {
    Check { name: name.to_owned(), holds: true, needed: false, found: found.into(), remedy: None }
}

fn lacks(name: &str, found: impl Into<String>, remedy: &str) -> Check {
    Check { holds: false, remedy: Some(remedy.to_owned()), ..holds(name, found) }
}

/// Whether a version such as `1.1.5+ds1` is older than the good one of its line, or than all lines.
fn is_older(version: &str, good: &[[u32; 3]]) -> bool {
    let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let found: Vec<u32> = std::iter::from_fn(|| numbers.next()?.ok()).take(3).collect();
    let line = good.iter().find(|good| found.len() > 1 && found[..2] == good[..2]).or(good.last());
    !found.is_empty() && line.is_some_and(|good| found < good.to_vec())
}

/// What `belljar doctor` tells of containers.
pub(crate) fn look(settings: &OciSettings) -> (Vec<Check>, Level) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let found = runtime.map_err(|error| StartError::new("engine", error.to_string()));
    match found.and_then(|runtime| runtime.block_on(Containers::find(settings))) {
        Ok(engine) => (engine.checks(), engine.level),
        Err(error) => {
            let engine = lacks("engine", error.message, &error.hint.unwrap_or_default());
            (vec![Check { needed: true, ..engine }], Level::SharedKernel)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let good = [[1, 2, 8], [1, 3, 3]];
        for (version, older) in [
            ("1.1.5+ds1", true),
            ("1.2.8", false),
            ("1.3.2", true),
            ("1.3.3", false),
            ("v1.10.0-rc1", false),
            ("1.2.7~dev", true),
            ("2", false),
            ("dev", false),
        ] {
            assert_eq!(is_older(version, &good), older, "{version}");
        }
    }
}
