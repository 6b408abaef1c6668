//! Landlock rules of a sandbox: the mounts say the same; this is a second opinion by other code.

use crate::Failed;
use crate::plan::inside;
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope,
};
use std::os::fd::OwnedFd;

const READ: &[&str] = &["/usr", "/etc", "/proc", "/.belljar/driver", inside::GUEST];
/// Of a branch's tree all: places that are mounted later have no rule of their own. Its other mounts are read-only.
const WRITE: &[&str] = &[inside::WORKSPACE, inside::HOME, "/tmp", "/dev", inside::BRANCHES];

/// A rule set of this mount namespace, or `None` where the kernel has no Landlock. `readable` may be read beside the
/// usual; `processes` is a view of all processes, open to whoever has its descriptor.
pub(crate) fn rules(readable: &[String], processes: Option<&OwnedFd>) -> Result<Option<OwnedFd>, Failed> {
    if crate::sys::landlock_abi() < 1 {
        return Ok(None);
    }
    let failed = |_: RulesetError| Failed { step: "make Landlock rules".into(), errno: libc::EINVAL };
    build(readable, processes).map_err(failed)
}

fn build(readable: &[String], processes: Option<&OwnedFd>) -> Result<Option<OwnedFd>, RulesetError> {
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    // Everything is handled, so what no rule names is denied. The network is empty; only listening
    // and connecting to oneself remain, which programs do, so TCP is left to the namespace.
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::AbstractUnixSocket)?
        .create()?;
    // Names in directories are no secret; files are.
    rules = add(rules, "/", AccessFs::ReadDir.into())?;
    for path in READ.iter().copied().chain(readable.iter().map(String::as_str)) {
        rules = add(rules, path, read)?;
    }
    if let Some(processes) = processes {
        rules = rules.add_rule(PathBeneath::new(processes, read))?;
    }
    rules = add(rules, "/proc", read | AccessFs::WriteFile | AccessFs::Truncate)?;
    for path in WRITE {
        rules = add(rules, path, AccessFs::from_all(abi))?;
    }
    Ok(rules.into())
}

fn add(
    rules: landlock::RulesetCreated,
    path: &str,
    access: landlock::BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(fd) => {
            let directory = std::fs::metadata(path).is_ok_and(|found| found.is_dir());
            let access = if directory { access } else { access & AccessFs::from_file(ABI::V6) };
            rules.add_rule(PathBeneath::new(fd, access))
        }
        // What is not there needs no rule.
        Err(_) => Ok(rules),
    }
}
