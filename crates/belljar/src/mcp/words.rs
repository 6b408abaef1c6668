//! What clients and their models are told: what there is, how it is used, what it may cost.

use interpreter::template::{Recipe, Store};
use protocol::Limits;

/// Names and versions of what is installed for Python; versions are empty before the template is built.
pub fn libraries(store: &Store, template: Option<&str>) -> Vec<(String, String)> {
    let Some(name) = template else { return Vec::new() };
    let built = store.show(name).map(|listing| listing.libraries()).unwrap_or_default();
    if !built.is_empty() {
        return built.into_iter().map(|one| (one.name, one.version)).collect();
    }
    let wanted = Recipe::find(name).map(|recipe| recipe.requirements).unwrap_or_default();
    wanted.into_iter().map(|name| (name, String::new())).collect()
}

/// How all of it is used.
pub fn instructions(limits: &Limits, policy: &str, libraries: &[(String, String)]) -> String {
    let named: Vec<String> =
        libraries.iter().map(|(name, version)| format!("{name} {version}").trim_end().to_owned()).collect();
    let installed = match named.as_slice() {
        [] => "Only the standard library of Python is known to be installed.".to_owned(),
        named => format!("Installed for Python: {}.", named.join(", ")),
    };
    format!(
        "Runs code in sandboxes and returns output, results, figures, changed files and typed errors.\n\
         - run_code without `sandbox` runs once, in a sandbox of its own. To keep variables, imports and files from one run \
         to the next, call create_sandbox and pass the id that it returns as `sandbox`. A sandbox that nobody uses is \
         destroyed after its time to live; a call then fails and says so: create another.\n\
         - Languages: python (cells as in a notebook: the value of the last expression is a result, figures are shown \
         with matplotlib's plt.show()), bash, javascript, typescript, r. Each has variables of its own; they share the files.\n\
         - The working directory is /workspace; save files there. Files come back as resources \
         (belljar://SANDBOX/files/PATH).\n\
         - Limits: {}. There is no network, and nothing can be installed.\n\
         - Code is checked by the policy \"{policy}\" before it runs. A run that fails has a category, and often a hint: \
         change the code accordingly.\n\
         {installed}",
        in_words(limits)
    )
}

/// The limits that a model should know.
pub fn in_words(limits: &Limits) -> String {
    format!(
        "{} s for a run, {} of memory for a sandbox, {} of files, {} CPU, {} processes",
        seconds(limits.timeout_ms),
        size(limits.memory_bytes),
        size(limits.disk_bytes),
        f64::from(limits.cpu_millis) / 1000.0,
        limits.pids
    )
}

/// Milliseconds as seconds.
pub fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// Bytes in the largest unit that has a whole number of them, or roughly.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes} bytes"),
        0x400..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
