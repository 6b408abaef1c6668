//! Starting a driver: as a fork of the zygote, or as a program.

use crate::contexts::{Context, Failure, Ground};
use crate::driving::Driving;
use crate::pipes::{Stdin, output_pipe};
use crate::settings::Place;
use crate::zygote::Zygote;
use jail::plan::inside;
use protocol::ContextId;
use protocol::guest::{Branch, Launch};
use protocol::zygote::ForkRequest;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::collections::BTreeMap;
use std::io::Error;
use std::os::fd::{AsFd, OwnedFd};

/// Places whose files a fork of a context has a copy of.
pub const PLACES: [&str; 3] = [inside::WORKSPACE, inside::HOME, "/tmp"];

/// What a context shall be.
pub struct Wanted {
    /// Its id.
    pub context: ContextId,
    /// How its driver comes to be.
    pub launch: Launch,
    /// Working directory.
    pub cwd: String,
    /// Environment on top of the sandbox's own.
    pub env: BTreeMap<String, String>,
    /// Whether standard input will come.
    pub stdin: bool,
    /// Whether nobody waits for it.
    pub ahead: bool,
}

/// Starts a context.
pub fn start(wanted: Wanted, zygote: &mut Zygote, ground: &Ground) -> Result<Context, Failure> {
    let fail = |errno: Errno| Failure {
        message: format!("start a context: {errno}"),
        errno: Some(errno.raw_os_error()),
    };
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).map_err(fail)?;
    let driving = Driving::new(ours).map_err(fail)?;
    let (stdin, reading) = Stdin::new(wanted.stdin).map_err(fail)?;
    match wanted.launch.clone() {
        Launch::Zygote => {
            fork(&wanted, (&theirs, &reading), zygote, ground)?;
            Ok(Context::forked(wanted.context, driving, stdin, ground))
        }
        Launch::Command { argv, streams } => {
            let (stdout, stdout_end) = output_pipe().map_err(fail)?;
            let (stderr, stderr_end) = output_pipe().map_err(fail)?;
            let child = program(&wanted, &argv, [&reading, &stdout_end, &stderr_end, &theirs], ground)?;
            let context = Context::forked(wanted.context, driving, stdin, ground);
            Ok(context.with_program(streams, child, [stdout, stderr]))
        }
    }
}

/// A context that becomes a fork of another one, the driver's end of its socket, and its tree: from within another tree
/// that has no path.
pub fn branch(wanted: &Branch, ground: &Ground) -> Result<(Context, [OwnedFd; 2]), Errno> {
    let settings = &ground.settings;
    let place = Place::open(wanted.root.clone(), &settings.workspace, settings.place.tmp.clone())?;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let mut driving = Driving::new(ours)?;
    driving.name_speaker()?;
    let (stdin, _) = Stdin::new(false)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let tree = rustix::fs::open(format!("{}/", wanted.root), flags, Mode::empty())?;
    Ok((Context::forked(wanted.context.clone(), driving, stdin, ground).with_place(place), [theirs, tree]))
}

fn fork(
    wanted: &Wanted,
    (driver, stdin): (&OwnedFd, &OwnedFd),
    zygote: &mut Zygote,
    ground: &Ground,
) -> Result<(), Failure> {
    let mut names = vec!["driver".to_owned()];
    let mut fds = vec![driver.as_fd()];
    if let Some(landlock) = &ground.settings.landlock {
        names.push("landlock".to_owned());
        fds.push(landlock.as_fd());
    }
    if wanted.stdin {
        names.push("stdin".to_owned());
        fds.push(stdin.as_fd());
    }
    let request = ForkRequest::Fork {
        context: wanted.context.clone(),
        cwd: wanted.cwd.clone(),
        env: match zygote.is_inside() {
            true => ground.settings.env_with(&wanted.env).into_iter().collect(),
            false => wanted.env.clone(),
        },
        fds: names,
        ahead: wanted.ahead,
    };
    zygote.ask(request, &fds, &ground.settings.rlimits).map_err(|failed| {
        let why = plain(&Error::from_raw_os_error(failed.errno));
        Failure { message: format!("{}: {why}", failed.step), errno: Some(failed.errno) }
    })
}

fn program(
    wanted: &Wanted,
    argv: &[String],
    [stdin, stdout, stderr, driver]: [&OwnedFd; 4],
    ground: &Ground,
) -> Result<jail::spawn::Child, Failure> {
    let env = ground.settings.env_with(&wanted.env);
    let spawn = jail::spawn::Spawn {
        argv,
        env: &env,
        cwd: &wanted.cwd,
        stdio: [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()],
        extra: Some(driver.as_fd()),
        join: &ground.settings.join,
        rlimits: &ground.settings.rlimits,
        tty: false,
    };
    jail::spawn::spawn(&spawn).map_err(|error| Failure {
        message: format!("start {}: {}", argv.first().map_or("nothing", String::as_str), plain(&error)),
        errno: errno_of(&error),
    })
}

/// The error number of what `spawn` said.
pub fn errno_of(error: &Error) -> Option<i32> {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    error.raw_os_error().or(missing.then_some(Errno::NOENT.raw_os_error()))
}

/// The text of an error, without its number.
pub fn plain(error: &Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
