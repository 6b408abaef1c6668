//! Starts a program inside a sandbox, from its pid 1.
//!
//! The walls are inherited; what is left to do is the control group, the descriptors and the session.

use crate::control::ZygotePlan;
use crate::{Failed, packet, sys};
use rustix::io::Errno;
use std::ffi::CString;
use std::io::{Error, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

/// What to start.
pub struct Spawn<'a> {
    /// Program and arguments; a program without a slash is looked up in `PATH` of `env`.
    pub argv: &'a [String],
    /// The whole environment.
    pub env: &'a [(String, String)],
    /// Working directory.
    pub cwd: &'a str,
    /// Descriptors 0, 1 and 2.
    pub stdio: [BorrowedFd<'a>; 3],
    /// Descriptor 3.
    pub extra: Option<BorrowedFd<'a>>,
    /// Control groups to join: `0` is written to each.
    pub join: &'a [OwnedFd],
    /// Resource limits: number, and value for both soft and hard.
    pub rlimits: &'a [(u32, u64)],
    /// Descriptor 0 is a terminal and becomes the controlling one.
    pub tty: bool,
}

/// A process that was started.
pub struct Child {
    /// Its id.
    pub pid: i32,
    /// A descriptor of it, which stays true when the id is used again; kernels in user space may have none.
    pub pidfd: Option<OwnedFd>,
}

/// Starts a program in a session of its own.
///
/// # Errors
/// What `fork`, `chdir` or `execve` said; `NotFound` when no such program is in `PATH`, `InvalidInput` for a NUL
/// byte in an argument. The caller must have one thread only.
pub fn spawn(spawn: &Spawn) -> Result<Child, Error> {
    let argv = strings(spawn.argv.iter().cloned())?;
    let env = strings(spawn.env.iter().map(|(name, value)| format!("{name}={value}")))?;
    let programs = candidates(spawn)?;
    let cwd = CString::new(protocol::path::to_bytes(spawn.cwd))?;
    let (mut failure, report) = std::io::pipe()?;
    match sys::fork_into(0)? {
        sys::Fork::Child => {
            let errno = become_program(spawn, &cwd, (&programs, &argv, &env), report.as_fd());
            let _ = rustix::io::write(&report, &errno.raw_os_error().to_ne_bytes());
            sys::exit_now(127)
        }
        sys::Fork::Parent(pid, pidfd) => {
            drop(report);
            let mut errno = [0; 4];
            if failure.read(&mut errno)? == 4 {
                let _ = rustix::process::waitpid(
                    rustix::process::Pid::from_raw(pid),
                    rustix::process::WaitOptions::empty(),
                );
                return Err(Error::from_raw_os_error(i32::from_ne_bytes(errno)));
            }
            Ok(Child { pid, pidfd })
        }
    }
}

/// Starts a zygote, with its socket. What it prints goes to `errors`.
///
/// # Errors
/// As with [`spawn`].
pub fn zygote(program: &ZygotePlan, errors: Option<BorrowedFd<'_>>) -> Result<(Child, OwnedFd), Failed> {
    let (ours, theirs) = packet::pair().map_err(Failed::at("make a pair of sockets"))?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null");
    let null = null.map_err(Failed::io("open /dev/null"))?;
    let errors = errors.unwrap_or(null.as_fd());
    let name = program.argv.first().map_or("a zygote", String::as_str);
    let child = spawn(&Spawn {
        argv: &program.argv,
        env: &program.env,
        cwd: "/",
        stdio: [null.as_fd(), errors, errors],
        extra: Some(theirs.as_fd()),
        join: &[],
        rlimits: &[],
        tty: false,
    })
    .map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let errno = error.raw_os_error().or(missing.then_some(libc::ENOENT)).unwrap_or(libc::EIO);
        Failed { step: format!("start {name}"), errno }
    })?;
    Ok((child, ours))
}

fn strings(list: impl Iterator<Item = String>) -> Result<Vec<CString>, Error> {
    list.map(|text| CString::new(protocol::path::to_bytes(&text)).map_err(Error::from)).collect()
}

/// The paths to try, in the order of `PATH`.
fn candidates(spawn: &Spawn) -> Result<Vec<CString>, Error> {
    let Some(program) = spawn.argv.first() else {
        return Err(Error::from(std::io::ErrorKind::InvalidInput));
    };
    if program.contains('/') {
        return strings(std::iter::once(program.clone()));
    }
    let path = spawn.env.iter().find(|(name, _)| name == "PATH").map_or("/usr/bin:/bin", |(_, value)| value);
    strings(path.split(':').map(|folder| format!("{folder}/{program}")))
}

/// In the child: from here to `execve`. Returns why that failed.
fn become_program(
    spawn: &Spawn,
    cwd: &CString,
    (programs, argv, env): (&[CString], &[CString], &[CString]),
    report: BorrowedFd<'_>,
) -> Errno {
    sys::reset_signals();
    let prepare = || -> Result<(), Errno> {
        for group in spawn.join {
            rustix::io::write(group, b"0")?;
        }
        for (resource, value) in spawn.rlimits {
            sys::limit(*resource, *value)?;
        }
        rustix::process::setsid()?;
        arrange(&spawn.stdio, spawn.extra, report)?;
        if spawn.tty {
            sys::controlling_terminal(rustix::stdio::stdin())?;
        }
        rustix::process::chdir(std::path::Path::new(std::ffi::OsStr::from_bytes(cwd.as_bytes())))
    };
    if let Err(errno) = prepare() {
        return errno;
    }
    let mut failure = Errno::NOENT;
    for program in programs {
        match sys::exec(program, argv, env) {
            Errno::NOENT | Errno::NOTDIR => {}
            errno => failure = errno,
        }
    }
    failure
}

/// Puts the descriptors at 0, 1, 2 and 3; the report pipe keeps its number and closes at `execve`.
fn arrange(
    stdio: &[BorrowedFd<'_>; 3],
    extra: Option<BorrowedFd<'_>>,
    report: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let wanted: Vec<BorrowedFd> = stdio.iter().copied().chain(extra).collect();
    // First out of the way, so that placing one never overwrites another.
    let moved: Vec<OwnedFd> =
        wanted.iter().map(|fd| rustix::io::fcntl_dupfd_cloexec(*fd, 10)).collect::<Result<_, _>>()?;
    let report_number = std::os::fd::AsRawFd::as_raw_fd(&report);
    for (number, fd) in moved.iter().enumerate() {
        if number as RawFd == report_number {
            return Err(Errno::BUSY);
        }
        sys::place(fd.as_fd(), number as RawFd)?;
    }
    Ok(())
}
