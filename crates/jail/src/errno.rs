//! The error of a step that the kernel refused.

use rustix::io::Errno;

/// A step towards the walls that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{step}: {} (os error {errno})", std::io::Error::from_raw_os_error(*errno).to_string().split(" (os").next().unwrap_or_default())]
pub struct Failed {
    /// What was attempted, fitting after "cannot …".
    pub step: String,
    /// The kernel's error number.
    pub errno: i32,
}

impl Failed {
    pub(crate) fn at(step: impl Into<String>) -> impl FnOnce(Errno) -> Failed {
        let step = step.into();
        move |errno| Failed { step, errno: errno.raw_os_error() }
    }

    pub(crate) fn io(step: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failed {
        let step = step.into();
        move |error| Failed { step, errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }
}
