//! How a zygote is started, wherever it lives.

use jail::control::ZygotePlan;

/// The Python of a template, as sandboxes see it.
const PYTHON: &str = "/.belljar/template/bin/python";

/// A zygote of the Python that `python` starts, or else of the template, which imports these modules ahead of time.
pub(super) fn plan(python: &[&str], imports: &str) -> ZygotePlan {
    let program = if python.is_empty() { &[PYTHON][..] } else { python };
    let argv = program.iter().copied().chain(["-I", "-B", "/.belljar/driver/zygote.py", imports]);
    let mut env = vec![
        ("HOME", "/home/user"),
        ("USER", "user"),
        ("LOGNAME", "user"),
        ("LANG", "C.UTF-8"),
        ("TMPDIR", "/tmp"),
        // The home is a room's; the zygote's imports may write here only.
        ("IPYTHONDIR", "/tmp/ipython"),
        ("MPLCONFIGDIR", "/tmp/matplotlib"),
        // Arrow's own allocator takes 1 GiB of addresses at once, which would count as every context's memory
        // where only RLIMIT_DATA limits it.
        ("ARROW_DEFAULT_MEMORY_POOL", "system"),
    ];
    if python.is_empty() {
        env.push(("PATH", "/.belljar/template/bin:/usr/local/bin:/usr/bin:/bin"));
    }
    ZygotePlan {
        argv: argv.map(str::to_owned).collect(),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}
