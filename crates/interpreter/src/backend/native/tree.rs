//! What of this host every sandbox sees, as a plan.

use crate::backend::TemplateRoot;
use crate::system::{ETC, ETC_NATIVE, FILES, TOP, node};
use jail::Identity;
use jail::plan::{Bind, File, KeeperPlan};
use std::path::Path;

/// The plan of the shared tree for a template.
pub(super) fn plan(identity: &Identity, template: Option<&TemplateRoot>, driver: &Path) -> KeeperPlan {
    let mut plan = KeeperPlan {
        identity: identity.clone(),
        binds: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
        join: Vec::new(),
        leave: Vec::new(),
        cgroups: Vec::new(),
    };
    bind(&mut plan, Path::new("/usr"), "/usr");
    for name in TOP {
        let path = Path::new("/").join(name);
        match std::fs::read_link(&path) {
            Ok(target) => plan.links.push((format!("/{name}"), target.display().to_string())),
            Err(_) => bind(&mut plan, &path, &format!("/{name}")),
        }
    }
    for name in ETC.into_iter().chain(ETC_NATIVE) {
        bind(&mut plan, &Path::new("/etc").join(name), &format!("/etc/{name}"));
    }
    for (path, content) in FILES {
        plan.files.push(File { path: path.into(), content: content.into(), mode: 0o644 });
    }
    bind(&mut plan, driver, "/.belljar/driver");
    if let Some(template) = template {
        bind(&mut plan, &template.root, crate::template::MOUNT);
        bind_in_place(&mut plan, &template.base_prefix);
    }
    if let Some(prefix) = node().as_deref().and_then(|node| node.parent()?.parent().map(Path::to_owned)) {
        bind_in_place(&mut plan, &prefix);
    }
    plan
}

/// Directories beside the usual ones that a sandbox may read.
pub(super) fn readable(plan: &KeeperPlan) -> Vec<String> {
    let all = plan.binds.iter().filter(|bind| !bind.to.starts_with("/usr") && !bind.to.starts_with("/etc"));
    all.map(|bind| bind.to.clone()).collect()
}

fn bind(plan: &mut KeeperPlan, from: &Path, to: &str) {
    let Ok(found) = std::fs::metadata(from) else { return };
    plan.binds.push(Bind { from: from.to_owned(), to: to.to_owned(), directory: found.is_dir() });
}

/// Shows something at its own path, when it is not below what is shown already.
fn bind_in_place(plan: &mut KeeperPlan, path: &Path) {
    let shown = plan.binds.iter().any(|bind| path.starts_with(&bind.to));
    if !shown && path.parent().is_some() {
        bind(plan, path, &path.display().to_string());
    }
}
