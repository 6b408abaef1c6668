//! The facts behind `belljar doctor`.

use crate::{cgroup, identity::Identity, sys};
use serde::Serialize;
use std::borrow::Cow;
use std::fs;

/// How well a fact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As good as it can be.
    Ok,
    /// Works, with less than there could be.
    Degraded,
    /// Not there.
    Missing,
}

/// One thing that the host gives or does not give.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// A stable name for programs.
    pub id: Cow<'static, str>,
    /// For people.
    pub title: Cow<'static, str>,
    /// How well it stands.
    pub state: State,
    /// Without it nothing runs.
    pub required: bool,
    /// What was found.
    pub detail: String,
    /// The command or setting that raises it.
    pub fix: Option<String>,
}

impl Fact {
    fn new(id: &'static str, title: &'static str, state: State, detail: impl Into<String>) -> Fact {
        Fact { id: id.into(), title: title.into(), state, required: false, detail: detail.into(), fix: None }
    }

    fn required(mut self) -> Fact {
        self.required = true;
        self
    }

    fn fix(mut self, fix: &str) -> Fact {
        if self.state != State::Ok {
            self.fix = Some(fix.to_owned());
        }
        self
    }
}

/// All facts, in the order in which they matter.
pub fn report() -> Vec<Fact> {
    vec![
        kernel(),
        user_namespaces(),
        identity(),
        procfs(),
        seccomp(),
        landlock(),
        cgroups(),
        core_pattern(),
        kvm(),
    ]
}

fn setting(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn when(holds: bool, otherwise: State) -> State {
    if holds { State::Ok } else { otherwise }
}

fn kernel() -> Fact {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    // clone3, the mount API and close_range, all of them by 5.12 (mount_setattr).
    let modern = sys::knows(libc::SYS_clone3) && sys::knows(libc::SYS_mount_setattr);
    Fact::new("kernel", "Linux kernel", when(modern, State::Missing), release)
        .required()
        .fix("use a kernel of version 5.12 or later")
}

fn user_namespaces() -> Fact {
    let restricted =
        setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1");
    let switched_off = setting("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0");
    let none = setting("/proc/sys/user/max_user_namespaces").as_deref() == Some("0");
    let root = rustix::process::geteuid().is_root();
    let fact = |state, detail: &str, fix: &str| {
        Fact::new("user_namespaces", "user namespaces", state, detail).required().fix(fix)
    };
    if none {
        return fact(
            State::Missing,
            "user.max_user_namespaces is 0",
            "sudo sysctl -w user.max_user_namespaces=15000",
        );
    }
    if switched_off && !root {
        let fix = "sudo sysctl -w kernel.unprivileged_userns_clone=1";
        return fact(State::Missing, "kernel.unprivileged_userns_clone is 0", fix);
    }
    let tried = crate::keeper::try_namespaces();
    match tried {
        Ok(()) => fact(State::Ok, "can be made, with all namespaces in them", ""),
        Err(failed) if restricted => fact(
            State::Missing,
            &format!("AppArmor takes their capabilities away: cannot {failed}"),
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile with `userns,` for this binary)",
        ),
        Err(failed) => fact(
            State::Missing,
            &format!("cannot {failed}"),
            "run outside of a restricted container, or as root",
        ),
    }
}

fn identity() -> Fact {
    let (state, detail) = match Identity::detect() {
        Identity::Root(range) => {
            (State::Ok, format!("ids from {}, one for each sandbox; root's is not among them", range.first))
        }
        Identity::Subordinate { uids, .. } => {
            (State::Ok, format!("{} subordinate ids, one for each sandbox", uids.count))
        }
        Identity::Shared => {
            (State::Degraded, "all sandboxes are the same kernel user as Belljar itself".to_owned())
        }
    };
    Fact::new("own_uid", "kernel user per sandbox", state, detail)
        .fix("sudo apt install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER")
}

fn procfs() -> Fact {
    let hidden: Vec<String> = setting("/proc/self/mountinfo")
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split(' ').nth(4).map(str::to_owned))
        .filter(|path| path.starts_with("/proc/") && !path.starts_with("/proc/sys/fs/binfmt_misc"))
        .collect();
    let detail = if hidden.is_empty() {
        "fully visible".to_owned()
    } else {
        format!("covered at {}", hidden.join(", "))
    };
    Fact::new("procfs", "own /proc", when(hidden.is_empty(), State::Missing), detail)
        .required()
        .fix("in a container: --security-opt systempaths=unconfined")
}

fn seccomp() -> Fact {
    let actions = setting("/proc/sys/kernel/seccomp/actions_avail");
    let there = actions.as_deref().is_some_and(|list| list.split(' ').any(|action| action == "errno"));
    Fact::new(
        "seccomp",
        "seccomp filters",
        when(there, State::Missing),
        actions.unwrap_or_else(|| "not in this kernel".into()),
    )
    .required()
    .fix("use a kernel with CONFIG_SECCOMP_FILTER")
}

fn landlock() -> Fact {
    let abi = sys::landlock_abi();
    let state = match abi {
        6.. => State::Ok,
        1..6 => State::Degraded,
        _ => State::Missing,
    };
    let detail =
        if abi > 0 { format!("ABI {abi}") } else { "not in this kernel, or not in its lsm= list".to_owned() };
    Fact::new("landlock", "Landlock", state, detail)
        .fix("use a kernel of version 6.12 or later, with landlock in lsm=")
}

fn cgroups() -> Fact {
    let name = format!("belljar-probe-{}", std::process::id());
    let fact = |state, detail: String| Fact::new("cgroup", "control groups", state, detail);
    let Some(groups) = cgroup::Cgroups::open(&name) else {
        let fix = "systemd-run --user --scope -p Delegate=yes belljar … (cgroup v2), or run as root";
        return fact(State::Degraded, "none can be made: memory is limited for each process only".into())
            .fix(fix);
    };
    let limits = protocol::Limits::default();
    let tried = groups.create("probe", &limits).map(drop);
    let version = match groups.version() {
        cgroup::Version::V1 => "version 1",
        cgroup::Version::V2 => "version 2",
    };
    cgroup::remove_trees(&groups.directories());
    match tried {
        Ok(()) => fact(State::Ok, format!("{version}: memory, processes and CPU of a whole sandbox")),
        Err(error) => fact(State::Degraded, format!("{version}: cannot {error}")),
    }
}

fn core_pattern() -> Fact {
    let pattern = setting("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let piped = pattern.starts_with('|');
    let detail = if piped {
        format!("piped to {pattern}; sandboxes set a limit that keeps it from running")
    } else {
        pattern
    };
    Fact::new("core_pattern", "core dumps", State::Ok, detail)
}

fn kvm() -> Fact {
    let there =
        rustix::fs::access("/dev/kvm", rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK).is_ok();
    let detail = if there { "/dev/kvm" } else { "not usable; only virtual-machine backends need it" };
    Fact::new("kvm", "KVM", when(there, State::Degraded), detail)
        .fix("sudo usermod -aG kvm $USER, on a machine with virtualisation")
}
