//! What `belljar doctor` tells of containers: engine, runtimes, limits, users, and programs that are known to let out.

use super::{Containers, OciSettings};
use crate::backend::{Check, StartError};
use protocol::Level;

/// Programs of which older versions let containers out: name, first good version, what is wrong.
const KNOWN_BAD: [(&str, [u32; 3], &str); 3] = [
    ("runc", [1, 2, 8], "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 (masked paths)"),
    ("crun", [1, 20, 0], "CVE-2025-24965 (file system root)"),
    ("containerd", [1, 7, 27], "CVE-2024-40635 (user ids)"),
];

impl Containers {
    fn checks(&self) -> Vec<Check> {
        let check = |name: &str, holds, found: String, remedy: Option<&str>| Check {
            name: name.to_owned(),
            holds,
            needed: false,
            found,
            remedy: remedy.filter(|_| !holds).map(str::to_owned),
        };
        let mut checks = vec![
            Check {
                needed: true,
                ..check("engine", true, format!("{}, {}", self.title, self.socket.display()), None)
            },
            check("runtimes", true, self.runtimes.join(", "), None),
            check(
                "gVisor",
                self.runtimes.iter().any(|name| name.contains("runsc")),
                "a kernel of its own for each sandbox".to_owned(),
                Some("sudo apt install runsc && sudo runsc install && sudo systemctl reload docker"),
            ),
            check(
                "limits",
                self.limits,
                if self.limits {
                    "memory, processes and CPU are held"
                } else {
                    "the guest has to watch memory"
                }
                .into(),
                Some("use control groups v2, with a rootful engine or delegated controllers"),
            ),
            check(
                "users",
                self.remapped,
                if self.remapped { "other users outside" } else { "the same users outside" }.into(),
                Some("a rootless engine, or \"userns-remap\": \"default\" in /etc/docker/daemon.json"),
            ),
        ];
        for (name, good, what) in KNOWN_BAD {
            let Some((_, version)) = self.parts.iter().find(|(part, _)| part == name) else { continue };
            let [major, minor, micro] = good;
            let found = format!(
                "{version}{}",
                if older(version, good) { format!(": {what}") } else { String::new() }
            );
            let remedy =
                format!("{name} {major}.{minor}.{micro} or newer, unless your distribution has mended it");
            checks.push(check(name, !older(version, good), found, Some(&remedy)));
        }
        checks
    }
}

/// Whether a version such as `1.1.5+ds1` is older than `good`.
fn older(version: &str, good: [u32; 3]) -> bool {
    let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit()).map(str::parse);
    let found: Vec<u32> = std::iter::from_fn(|| numbers.next()?.ok()).take(3).collect();
    !found.is_empty() && found < good.to_vec()
}

/// What `belljar doctor` tells of containers.
pub(crate) fn look(settings: &OciSettings) -> (Vec<Check>, Level) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let found = runtime.map_err(|error| StartError::new("engine", error.to_string()));
    match found.and_then(|runtime| runtime.block_on(Containers::find(settings))) {
        Ok(engine) => (engine.checks(), engine.level),
        Err(error) => {
            let (name, holds, needed) = ("engine".to_owned(), false, true);
            (
                vec![Check { name, holds, needed, found: error.message, remedy: error.hint }],
                Level::SharedKernel,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        for (version, is_older) in [
            ("1.1.5+ds1", true),
            ("1.2.8", false),
            ("v1.10.0-rc1", false),
            ("1.2.7~dev", true),
            ("dev", false),
        ] {
            assert_eq!(older(version, [1, 2, 8]), is_older, "{version}");
        }
    }
}
