//! Kernel users of one keeper's sandboxes: a block of them that no other keeper in this network namespace has.
//!
//! A block is held by a socket with an abstract name, which the kernel frees when the last holder is gone. The keeper
//! gets a copy: it outlives this process and ends after the last sandbox.

use jail::Identity;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

/// Kernel users in a block.
const BLOCK: u32 = 2048;

/// A block of kernel users.
pub(super) struct Block {
    /// Slots of the identity's range; none where every block is taken, or all sandboxes are one user.
    pub slots: BTreeSet<u32>,
    /// What holds the block.
    pub hold: Option<OwnedFd>,
}

impl Block {
    /// The first block that nobody holds.
    pub(super) fn claim(identity: &Identity) -> Block {
        let first = match identity {
            Identity::Root(range) | Identity::Subordinate { uids: range, .. } => range.first,
            Identity::Shared => return Block { slots: BTreeSet::new(), hold: None },
        };
        let last = identity.slots();
        let blocks = (1..=last).step_by(BLOCK as usize);
        for begin in blocks {
            let name = format!("belljar/users/{}", u64::from(first) + u64::from(begin));
            if let Some(hold) = hold(name.as_bytes()) {
                let end = begin.saturating_add(BLOCK - 1).min(last);
                return Block { slots: (begin..=end).collect(), hold: Some(hold) };
            }
        }
        Block { slots: BTreeSet::new(), hold: None }
    }
}

fn hold(name: &[u8]) -> Option<OwnedFd> {
    let address = SocketAddrUnix::new_abstract_name(name).ok()?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).ok()?;
    bind(&socket, &address).ok()?;
    // Nobody can send to it: it is a name, not a mailbox.
    rustix::net::shutdown(&socket, rustix::net::Shutdown::Both).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jail::Range;

    #[test]
    fn no_two_holders_have_the_same_users() {
        // Ids that nothing else on this host uses: nobody is made of them here.
        let range = Range { first: 0x7654_0000 + (std::process::id() & 0xffff), count: 3 * BLOCK };
        let identity = Identity::Root(range);
        let mut blocks: Vec<Block> = (0..3).map(|_| Block::claim(&identity)).collect();
        let all: BTreeSet<u32> = blocks.iter().flat_map(|block| block.slots.iter().copied()).collect();
        assert_eq!(all, (1..3 * BLOCK).collect(), "every slot but 0 belongs to one of them");
        assert!(Block::claim(&identity).slots.is_empty(), "none is left");
        blocks.swap_remove(1);
        assert_eq!(Block::claim(&identity).slots.first(), Some(&(BLOCK + 1)), "a freed block is found again");
        assert!(Block::claim(&Identity::Shared).hold.is_none());
    }
}
