//! A terminal of a sandbox: the end that programs have, and the end that whoever types and reads has.

use protocol::guest::WindowSize;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::os::fd::{BorrowedFd, OwnedFd};

/// A new terminal.
pub struct Terminal {
    /// What is typed goes in, what is shown comes out. Never blocks.
    pub outer: OwnedFd,
    /// For the program's standard input, output and error.
    pub inner: OwnedFd,
}

impl Terminal {
    /// Opens one of the sandbox's own.
    ///
    /// # Errors
    /// What the kernel says, as when there are too many.
    pub fn open(size: WindowSize) -> Result<Terminal, Errno> {
        let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&outer, true)?;
        unlockpt(&outer)?;
        resize(rustix::fd::AsFd::as_fd(&outer), size)?;
        // Not every kernel hands the inner end out without its name.
        let name = ptsname(&outer, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let inner = rustix::fs::open(name, flags, Mode::empty())?;
        Ok(Terminal { outer, inner })
    }
}

/// Sets the size; programs in it hear of that by a signal.
///
/// # Errors
/// What the kernel says of something that is no terminal.
pub fn resize(outer: BorrowedFd<'_>, size: WindowSize) -> Result<(), Errno> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(outer, size)
}
