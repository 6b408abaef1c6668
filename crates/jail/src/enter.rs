//! How a process enters a sandbox: the checklist.
//!
//! The list is data. A program that starts in a room has it carried out here, by [`run`]; a zygote's fork
//! carries out the same list by itself.

use crate::plan::{RoomPlan, inside};
use crate::{Failed, seccomp, sys};
use protocol::Limits;
use protocol::step::{Arg, Call, Step};
use std::os::fd::RawFd;
use std::sync::LazyLock;

/// More than any kernel has.
const CAPABILITY_LAST: i64 = 63;
const SECUREBITS_LOCKED: i64 = 0xff;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
/// No capability.
const NONE: u32 = 0;
/// What a fork of a context needs to move to the tree of its branch: permitted, not in effect, and gone with any `exec`.
const CHROOT: u32 = 1 << 18;
/// All namespaces of a room but its pid namespace, into which one is born.
const JOINED: i64 = crate::room::NAMESPACES as i64 & !(libc::CLONE_NEWPID as i64);

/// Resource limits of every process in a sandbox.
pub fn rlimits(limits: &Limits, memory_is_counted: bool) -> Vec<(u32, u64)> {
    let mut list = vec![
        // 1 and not 0: only 1 keeps a piped core handler of the host from running.
        (libc::RLIMIT_CORE, 1),
        (libc::RLIMIT_NOFILE, limits.open_files),
        (libc::RLIMIT_FSIZE, limits.disk_bytes),
        // The guest and the first driver are counted too: both are this user.
        (libc::RLIMIT_NPROC, u64::from(limits.pids) + 2),
        (libc::RLIMIT_MEMLOCK, 8 << 20),
        (libc::RLIMIT_STACK, 8 << 20),
        (libc::RLIMIT_MSGQUEUE, 819_200),
        (libc::RLIMIT_SIGPENDING, 1024),
        (libc::RLIMIT_RTPRIO, 0),
    ];
    if !memory_is_counted {
        list.push((libc::RLIMIT_DATA, limits.memory_bytes));
    }
    // glibc and musl disagree on the type of these numbers.
    #[allow(clippy::unnecessary_cast)]
    list.into_iter().map(|(number, value)| (number as u32, value)).collect()
}

/// Whether a limit holds for the guest too, and not only for what it starts.
pub(crate) fn is_for_all(number: u32) -> bool {
    #[allow(clippy::unnecessary_cast)]
    [libc::RLIMIT_CORE as u32, libc::RLIMIT_RTPRIO as u32].contains(&number)
}

/// The program of a zygote's fork, which comes from outside. `joins` names the control groups' descriptors.
pub(crate) fn from_outside(plan: &RoomPlan, joins: usize, landlock: bool) -> Result<Vec<Step>, Failed> {
    let id = i64::from(inside::UID);
    let mut steps = Vec::new();
    for number in 0..joins {
        // First of all, so that everything below is counted there.
        steps.push(call(
            "join a control group",
            libc::SYS_write,
            [Arg::fd(&format!("join{number}")), Arg::bytes("0"), n(1)],
        ));
    }
    steps.push(call("join the room's namespaces", libc::SYS_setns, [Arg::fd("room"), n(JOINED)]));
    steps.push(call("become the sandbox's group", libc::SYS_setresgid, [n(id), n(id), n(id)]));
    steps.push(call("become the sandbox's user", libc::SYS_setresuid, [n(id), n(id), n(id)]));
    let mut keep = vec!["driver".to_owned(), "stdin".to_owned()];
    if landlock {
        keep.push("landlock".to_owned());
    }
    steps.push(Step::Keep { name: "close the zygote's descriptors".into(), keep });
    steps.extend(limits(&plan.rlimits));
    steps.extend(bounds(CHROOT));
    steps.extend(filters(landlock, CHROOT)?);
    Ok(steps)
}

/// The program of a fork of a zygote that is in the sandbox itself, and has its walls already.
pub fn in_place(rlimits: &[(u32, u64)]) -> Vec<Step> {
    let keep = vec!["driver".to_owned(), "stdin".to_owned()];
    let mut steps = vec![Step::Keep { name: "close the zygote's descriptors".into(), keep }];
    steps.extend(limits(rlimits));
    steps.push(own_files());
    steps
}

/// The walls that a process raises around itself, in this order: limits, capabilities, privileges, Landlock, calls.
pub(crate) fn walls(rlimits: &[(u32, u64)], landlock: bool) -> Result<Vec<Step>, Failed> {
    let mut steps = limits(rlimits);
    steps.extend(bounds(NONE));
    steps.extend(filters(landlock, NONE)?);
    Ok(steps)
}

/// Resource limits and the file mode mask.
fn limits(rlimits: &[(u32, u64)]) -> Vec<Step> {
    let mut steps = vec![call("set the file mode mask", libc::SYS_umask, [n(0o022)])];
    for (number, value) in rlimits {
        let both = [value.to_ne_bytes(), value.to_ne_bytes()].concat();
        steps.push(call(
            &format!("limit resource {number} to {value}"),
            libc::SYS_prlimit64,
            [n(0), n((*number).into()), Arg::bytes(both), n(0)],
        ));
    }
    steps
}

/// No capability can be gained any more. Needs `CAP_SETPCAP`, as whoever made a user namespace has it.
fn bounds(permitted: u32) -> Vec<Step> {
    let bits = prctl("lock the secure bits", libc::PR_SET_SECUREBITS, [SECUREBITS_LOCKED & !0x10, 0, 0]);
    let mut steps = vec![or_unknown(bits)];
    for capability in (0..=last_capability()).filter(|bit| u64::from(permitted) >> bit & 1 == 0) {
        // Where the kernel did not tell, it has fewer.
        let name = format!("drop capability {capability} for good");
        steps.push(or_unknown(prctl(&name, libc::PR_CAPBSET_DROP, [capability, 0, 0])));
    }
    steps
}

/// Read once: every room asks for it.
fn last_capability() -> i64 {
    static LAST: LazyLock<i64> = LazyLock::new(|| {
        let told = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok();
        let last = told.and_then(|text| text.trim().parse().ok());
        last.map_or(CAPABILITY_LAST, |last: i64| last.min(CAPABILITY_LAST))
    });
    *LAST
}

/// The process's own /proc files belong to it again; tracing is denied by the filters.
fn own_files() -> Step {
    prctl("own one's /proc files", libc::PR_SET_DUMPABLE, [1, 0, 0])
}

/// No capabilities in effect, no new privileges, Landlock, system calls.
fn filters(landlock: bool, permitted: u32) -> Result<Vec<Step>, Failed> {
    let ambient = prctl(
        "clear the ambient capabilities",
        libc::PR_CAP_AMBIENT,
        [libc::PR_CAP_AMBIENT_CLEAR_ALL.into(), 0, 0],
    );
    let mut steps = vec![or_unknown(ambient)];
    let header = [CAPABILITY_VERSION_3.to_ne_bytes(), 0u32.to_ne_bytes()].concat();
    // Effective, permitted and inheritable, the lower 32 of each and then the upper.
    let sets = [0, permitted, 0, 0, 0, 0].map(u32::to_ne_bytes).concat();
    steps.push(call("drop all capabilities", libc::SYS_capset, [Arg::bytes(header), Arg::bytes(sets)]));
    steps.push(own_files());
    steps.push(prctl("gain no privileges any more", libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0]));
    if landlock {
        steps.push(call(
            "restrict the file system with Landlock",
            libc::SYS_landlock_restrict_self,
            [Arg::fd("landlock"), n(0)],
        ));
        steps.push(call("close the Landlock rules", libc::SYS_close, [Arg::fd("landlock")]));
    }
    for (name, program) in seccomp::programs()? {
        let mode = libc::SECCOMP_SET_MODE_FILTER.into();
        steps.push(call(name, libc::SYS_seccomp, [n(mode), n(0), program.clone()]));
    }
    Ok(steps)
}

/// The walls of a process whose bounding set an engine has emptied before.
pub(crate) fn walls_without_bounds(rlimits: &[(u32, u64)], landlock: bool) -> Result<Vec<Step>, Failed> {
    Ok(limits(rlimits).into_iter().chain(filters(landlock, NONE)?).collect())
}

/// Carries the list out in this process.
pub(crate) fn run(steps: &[Step], named: &dyn Fn(&str) -> RawFd) -> Result<(), Failed> {
    for step in steps {
        let name = match step {
            Step::Call(call) => &call.name,
            Step::Keep { name, .. } => name,
        };
        sys::carry_out(step, named).map_err(Failed::at(name.as_str()))?;
    }
    Ok(())
}

/// Does not matter where the kernel does not know such a thing: then there is none.
fn or_unknown(step: Step) -> Step {
    match step {
        Step::Call(call) => Step::Call(Call { ok: vec![libc::EINVAL], ..call }),
        keep => keep,
    }
}

fn n(number: i64) -> Arg {
    Arg::Number(number)
}

fn call(name: &str, nr: i64, args: impl IntoIterator<Item = Arg>) -> Step {
    Step::Call(Call { name: name.to_owned(), nr, args: args.into_iter().collect(), ok: Vec::new() })
}

fn prctl(name: &str, option: i32, args: [i64; 3]) -> Step {
    let [a, b, c] = args;
    call(name, libc::SYS_prctl, [n(option.into()), n(a), n(b), n(c), n(0)])
}
