//! The walls around this process, as the kernel shows them. What is not seen is not claimed.

use protocol::Wall;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};
use std::collections::BTreeMap;

/// Sockets into the kernel's cryptography: no sandbox has a use for them.
const AF_ALG: u16 = 38;
/// A file that exists and that Landlock must deny.
const PROBE: &str = "/.belljar/walls-probe";

/// The walls that were found up. `outside` has the inode numbers of the namespaces outside.
pub fn verified(outside: &BTreeMap<String, u64>) -> Vec<Wall> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Wall::ALL.into_iter().filter(|wall| holds(*wall, outside, &status)).collect()
}

fn holds(wall: Wall, outside: &BTreeMap<String, u64>, status: &str) -> bool {
    match wall {
        Wall::UserNs => own_namespace("user", outside),
        Wall::MountNs => own_namespace("mnt", outside),
        Wall::PidNs => own_namespace("pid", outside),
        Wall::NetNs => own_namespace("net", outside),
        Wall::IpcNs => own_namespace("ipc", outside),
        Wall::UtsNs => own_namespace("uts", outside),
        Wall::CgroupNs => own_namespace("cgroup", outside),
        // The host made them, and only the host can see them.
        Wall::Cgroup | Wall::OwnUid => false,
        Wall::Seccomp => {
            let denied =
                rustix::net::socket(AddressFamily::from_raw(AF_ALG), SocketType::SEQPACKET, None).is_err();
            denied && line(status, "Seccomp") == Some("2")
        }
        Wall::Landlock => {
            rustix::fs::open(PROBE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).err()
                == Some(Errno::ACCESS)
        }
        Wall::NoNewPrivs => rustix::thread::no_new_privs() == Ok(true),
        Wall::CapsDropped => {
            let zero = |bits: &str| bits.bytes().all(|digit| digit == b'0');
            let gone = |set: &&str| line(status, set).is_some_and(zero);
            // A kernel without ambient capabilities shows none.
            ["CapEff", "CapPrm", "CapInh", "CapBnd"].iter().all(gone)
                && line(status, "CapAmb").is_none_or(zero)
        }
    }
}

fn own_namespace(name: &str, outside: &BTreeMap<String, u64>) -> bool {
    let inside = rustix::fs::stat(format!("/proc/self/ns/{name}")).ok().map(|stat| stat.st_ino);
    matches!((inside, outside.get(name)), (Some(inside), Some(outside)) if inside != *outside)
}

fn line<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_shows_is_claimed() {
        let walled = "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
                      CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n";
        let none = BTreeMap::new();
        assert!(holds(Wall::CapsDropped, &none, walled));
        let ambient = walled.replace("CapAmb:\t0000000000000000", "CapAmb:\t0000000000000001");
        assert!(!holds(Wall::CapsDropped, &none, &ambient));
        assert!(holds(Wall::CapsDropped, &none, &walled.replace("CapAmb:\t0000000000000000\n", "")));
        let open = walled.replace("CapBnd:\t0000000000000000", "CapBnd:\t0000000000000001");
        assert!(!holds(Wall::CapsDropped, &none, &open) && !holds(Wall::CapsDropped, &none, ""));
        assert!(!holds(Wall::UserNs, &none, walled));
        let inode = rustix::fs::stat("/proc/self/ns/user").unwrap().st_ino;
        assert!(!holds(Wall::UserNs, &BTreeMap::from([("user".to_owned(), inode)]), walled));
        assert!(holds(Wall::UserNs, &BTreeMap::from([("user".to_owned(), inode + 1)]), walled));
    }
}
