//! Names that mean something to every JavaScript program on Node.js: its modules, and the ways to reach the global
//! object. Which of them may be used is the policy's business.

/// Modules that a cell reaches by their bare name, without `require`.
const FREE_MODULES: [&str; 36] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "constants",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "querystring",
    "readline",
    "sea",
    "sqlite",
    "stream",
    "string_decoder",
    "test",
    "timers",
    "tls",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "worker_threads",
];

/// Names of the global object.
const GLOBAL_OBJECTS: [&str; 3] = ["global", "globalThis", "self"];

/// Where `node:` names and bare names meet; a path or a package stays as it is.
pub(super) fn module_name(specifier: &str) -> &str {
    specifier.strip_prefix("node:").unwrap_or(specifier)
}

/// True for a bare name that is a module in a cell; `process` is a global object and not imported.
pub(super) fn is_free_module(name: &str) -> bool {
    name != "process" && (FREE_MODULES.binary_search(&name).is_ok() || name == "zlib")
}

/// True for what comes with Node: a computed member of it may be anything. Of a variable of an earlier cell it is data.
pub(super) fn is_known_object(name: &str) -> bool {
    let root = name.split(['.', '/']).next().unwrap_or(name);
    is_free_module(root) || matches!(root, "process" | "require" | "Reflect" | "Function" | "eval")
}

/// True for a name of the global object.
pub(super) fn is_global_object(name: &str) -> bool {
    GLOBAL_OBJECTS.contains(&name)
}

/// The name that stands behind a name: two ways to one thing have one name.
pub(super) fn canonical(name: &str) -> &str {
    match name {
        "module.require"
        | "process.mainModule.require"
        | "module._load"
        | "module.Module._load"
        | "module.constructor._load"
        | "process.mainModule.constructor._load"
        | "require.main.require"
        | "process.getBuiltinModule"
        | "require.main.constructor._load" => "require",
        "AsyncFunction" | "GeneratorFunction" | "AsyncGeneratorFunction" => "Function",
        other => other,
    }
}

/// The longest name that is told; what follows is left out.
pub(super) const NAME_BYTES_MAX: usize = 120;

/// A member of something that has a name.
pub(super) fn member(object: &str, key: &str) -> String {
    if key == "default" || object.len() + key.len() >= NAME_BYTES_MAX {
        return object.to_owned();
    }
    canonical(&format!("{object}.{key}")).to_owned()
}
