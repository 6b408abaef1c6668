//! Which system calls code in a sandbox may make: a table with a reason beside every rule.
//!
//! Unknown calls answer ENOSYS, so that libraries fall back; known and dangerous ones answer EPERM, so that
//! programs see an ordinary error; sockets of other families answer EAFNOSUPPORT. A foreign architecture is killed.

use crate::Failed;
use protocol::step::{Arg, Blob};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;

mod calls;
mod numbers;
pub use calls::{ALLOWED, DENIED};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Argument, mask and value.
type Matches = (u8, u64, u64);

/// `clone` flags that make namespaces: all `CLONE_NEW*` bits.
const NAMESPACES: u64 = 0x7E02_0000;
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541C;
const TIOCCONS: u64 = 0x541D;
const TIOCSETD: u64 = 0x5423;
/// Ways in which an argument makes an allowed call dangerous: call, argument, mask and value, reason.
const DENIED_WITH: &[(i64, &[Matches], &str)] = &[
    (libc::SYS_ioctl, &[(1, 0xffff_ffff, TIOCSTI)], "types into the terminal of whoever started us"),
    (libc::SYS_ioctl, &[(1, 0xffff_ffff, TIOCLINUX)], "pastes into a console"),
    (libc::SYS_ioctl, &[(1, 0xffff_ffff, TIOCCONS)], "takes over console output"),
    (libc::SYS_ioctl, &[(1, 0xffff_ffff, TIOCSETD)], "loads line disciplines, old kernel code"),
    (libc::SYS_prctl, &[(0, 0xffff_ffff, 35)], "PR_SET_MM: rewrites the memory map's bounds"),
    (libc::SYS_prctl, &[(0, 0xffff_ffff, 0x5961_6d61)], "PR_SET_PTRACER: opens a process to tracing"),
    (
        libc::SYS_setsockopt,
        &[(1, 0xffff_ffff, 6), (2, 0xffff_ffff, 31)],
        "TCP_ULP: kernel TLS, much code for nothing",
    ),
    (libc::SYS_setrlimit, &[(0, 0xffff_ffff, 4)], "RLIMIT_CORE: 1 keeps piped core handlers away"),
    // The guest is the same user as the code; none of these may slow it down.
    (libc::SYS_setpriority, &[(0, 0xffff_ffff, 0), (1, 0xffff_ffff, 1)], "the guest's priority"),
    (libc::SYS_setpriority, &[(0, 0xffff_ffff, 1), (1, 0xffff_ffff, 1)], "the priority of the guest's group"),
    (libc::SYS_setpriority, &[(0, 0xffff_ffff, 2)], "the priority of all of the user's processes"),
    (libc::SYS_ioprio_set, &[(0, 0xffff_ffff, 1), (1, 0xffff_ffff, 1)], "the guest's disk priority"),
    (
        libc::SYS_ioprio_set,
        &[(0, 0xffff_ffff, 2), (1, 0xffff_ffff, 1)],
        "the disk priority of the guest's group",
    ),
    (libc::SYS_ioprio_set, &[(0, 0xffff_ffff, 3)], "the disk priority of all of the user's processes"),
    (libc::SYS_sched_setaffinity, &[(0, 0xffff_ffff, 1)], "the guest's processors"),
    (libc::SYS_sched_setscheduler, &[(0, 0xffff_ffff, 1)], "the guest's scheduling class"),
    (libc::SYS_sched_setparam, &[(0, 0xffff_ffff, 1)], "the guest's scheduling class"),
];

/// Socket families that reach something: UNIX and the empty network's INET and INET6, netlink to ask it.
const FAMILIES: &[u64] =
    &[libc::AF_UNIX as u64, libc::AF_INET as u64, libc::AF_INET6 as u64, libc::AF_NETLINK as u64];

fn condition(argument: u8, is: Is, value: u64) -> Result<SeccompCondition, Failed> {
    SeccompCondition::new(argument, Width::Dword, is, value).map_err(|_| invalid())
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, Failed> {
    SeccompRule::new(conditions).map_err(|_| invalid())
}

fn invalid() -> Failed {
    Failed { step: "build the system-call filter".into(), errno: libc::EINVAL }
}

/// What answers EPERM because of its arguments.
fn denied() -> Result<Rules, Failed> {
    let mut rules = Rules::new();
    for (nr, conditions, _reason) in DENIED_WITH {
        let list = conditions
            .iter()
            .map(|(argument, mask, value)| condition(*argument, Is::MaskedEq(*mask), *value));
        rules.entry(*nr).or_default().push(rule(list.collect::<Result<_, _>>()?)?);
    }
    // clone: new namespaces would give capabilities back. Any one of the bits is enough.
    for bit in (0..32).map(|n| 1u64 << n).filter(|bit| NAMESPACES & bit != 0) {
        rules.entry(libc::SYS_clone).or_default().push(rule(vec![condition(0, Is::MaskedEq(bit), bit)?])?);
    }
    // personality: only asking (0xffffffff) and the ordinary one (0).
    let personality = vec![condition(0, Is::Ne, 0)?, condition(0, Is::Ne, 0xffff_ffff)?];
    rules.entry(libc::SYS_personality).or_default().push(rule(personality)?);
    // prlimit64: only on oneself (pid 0), and never RLIMIT_CORE with a new value.
    rules.entry(libc::SYS_prlimit64).or_default().push(rule(vec![condition(0, Is::Ne, 0)?])?);
    let low = SeccompCondition::new(2, Width::Qword, Is::Ne, 0).map_err(|_| invalid())?;
    rules.entry(libc::SYS_prlimit64).or_default().push(rule(vec![condition(1, Is::Eq, 4)?, low])?);
    Ok(rules)
}

/// What answers EAFNOSUPPORT.
fn families() -> Result<Rules, Failed> {
    let mut rules = Rules::new();
    let others: Result<Vec<_>, _> = FAMILIES.iter().map(|family| condition(0, Is::Ne, *family)).collect();
    rules.insert(libc::SYS_socket, vec![rule(others?)?]);
    let list = rules.entry(libc::SYS_socket).or_default();
    // Netlink speaks many protocols; only routing (0), which answers for the empty network.
    list.push(rule(vec![condition(0, Is::Eq, libc::AF_NETLINK as u64)?, condition(2, Is::Ne, 0)?])?);
    // Raw and packet sockets; the type's upper bits are flags.
    for kind in [libc::SOCK_RAW, libc::SOCK_RDM, 10] {
        let not_netlink = condition(0, Is::Ne, libc::AF_NETLINK as u64)?;
        list.push(rule(vec![not_netlink, condition(1, Is::MaskedEq(0xf), kind as u64)?])?);
    }
    // SCTP, MPTCP, UDP-Lite and the rest of the inet protocols: old code with many bugs.
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut list_of = vec![condition(0, Is::Eq, family as u64)?];
        for protocol in [0, 6, 17] {
            list_of.push(condition(2, Is::Ne, protocol)?);
        }
        list.push(rule(list_of)?);
    }
    let not_unix = condition(0, Is::Ne, libc::AF_UNIX as u64)?;
    rules.insert(libc::SYS_socketpair, vec![rule(vec![not_unix])?]);
    Ok(rules)
}

/// Names of the calls that code may make, for an engine that has filters of its own.
pub fn allowed_names() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(_, name)| *name)
}

/// The filters, each to be installed on top of the one before; the strictest answer wins. Made once a process.
///
/// # Errors
/// An architecture that the table does not know.
pub fn programs() -> Result<&'static [(&'static str, Arg)], Failed> {
    static PROGRAMS: OnceLock<Result<Vec<(&'static str, Arg)>, Failed>> = OnceLock::new();
    PROGRAMS.get_or_init(build).as_deref().map_err(Clone::clone)
}

fn build() -> Result<Vec<(&'static str, Arg)>, Failed> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| invalid())?;
    let program = |rules, errno: i32| -> Result<Arg, Failed> {
        let answer = SeccompAction::Errno(errno as u32);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).map_err(|_| invalid())?;
        let program: BpfProgram = filter.try_into().map_err(|_| invalid())?;
        Ok(argument(program.iter().map(|one| (one.code, one.jt, one.jf, one.k))))
    };
    Ok(vec![
        ("answer unknown and dangerous calls", argument(numbers::filter()?.into_iter())),
        ("deny dangerous arguments", program(denied()?, libc::EPERM)?),
        ("deny other socket families", program(families()?, libc::EAFNOSUPPORT)?),
    ])
}

fn argument(program: impl Iterator<Item = numbers::Instruction>) -> Arg {
    let mut bytes = Vec::new();
    for (code, yes, no, operand) in program {
        bytes.extend_from_slice(&code.to_ne_bytes());
        bytes.extend_from_slice(&[yes, no]);
        bytes.extend_from_slice(&operand.to_ne_bytes());
    }
    Arg::Program { program: Blob(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_in_one_list_only() {
        let mut seen = BTreeMap::new();
        for (nr, reason) in ALLOWED.iter().chain(DENIED) {
            assert!(!reason.is_empty());
            assert_eq!(seen.insert(*nr, *reason), None, "call {nr} is listed twice");
        }
        assert!(!ALLOWED.iter().any(|(nr, _)| *nr == libc::SYS_ptrace || *nr == libc::SYS_bpf));
    }

    #[test]
    fn filters_fit_into_the_kernel() {
        for (name, program) in programs().unwrap() {
            let Arg::Program { program } = program else { panic!("{name} is no program") };
            assert!(program.0.len() / 8 <= 4096, "{name} has {} instructions", program.0.len() / 8);
        }
    }
}
