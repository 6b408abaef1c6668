//! Names of Python that mean something to every policy.

/// Modules that other modules hold as an attribute, and through which everything can be reached. Names that data
/// libraries use for parts of their own, such as `signal`, `io` or `array`, are not among them.
const HIDDEN: [&str; 60] = [
    "asyncio",
    "builtins",
    "cloudpickle",
    "codecs",
    "codeop",
    "concurrent",
    "contextlib",
    "copyreg",
    "ctypes",
    "dill",
    "fcntl",
    "ftplib",
    "functools",
    "gc",
    "glob",
    "http",
    "imp",
    "importlib",
    "inspect",
    "joblib",
    "linecache",
    "logging",
    "marshal",
    "mmap",
    "multiprocessing",
    "nt",
    "ntpath",
    "operator",
    "os",
    "pathlib",
    "pdb",
    "pickle",
    "pkgutil",
    "platform",
    "posix",
    "posixpath",
    "posixsubprocess",
    "pty",
    "pydoc",
    "requests",
    "runpy",
    "shutil",
    "site",
    "smtplib",
    "socket",
    "socketserver",
    "subprocess",
    "sys",
    "sysconfig",
    "tempfile",
    "thread",
    "threading",
    "timeit",
    "traceback",
    "unittest",
    "urllib",
    "urllib3",
    "weakref",
    "webbrowser",
    "zipimport",
];

/// The builtins that run, find or change something, and those that hand on what they are given. All others are
/// harmless whatever they are given.
const BUILTINS: [&str; 50] = [
    "__build_class__",
    "__import__",
    "__loader__",
    "__spec__",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "copyright",
    "credits",
    "delattr",
    "dict",
    "dir",
    "eval",
    "exec",
    "execfile",
    "exit",
    "filter",
    "frozenset",
    "get_ipython",
    "getattr",
    "globals",
    "hasattr",
    "help",
    "id",
    "input",
    "iter",
    "license",
    "list",
    "locals",
    "map",
    "memoryview",
    "next",
    "object",
    "open",
    "print",
    "property",
    "quit",
    "repr",
    "reversed",
    "setattr",
    "sorted",
    "str",
    "super",
    "type",
    "vars",
];

/// What runs a command line.
const SHELLS: [&str; 22] = [
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "commands.getoutput",
    "get_ipython().getoutput",
    "get_ipython().system",
    "os.execl",
    "os.execlp",
    "os.execv",
    "os.execvp",
    "os.popen",
    "os.posix_spawn",
    "os.spawnl",
    "os.spawnv",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.run",
];

/// Methods of tables, arrays and figures that write a file, whose path is the first argument.
const WRITERS: [&str; 29] = [
    "imsave",
    "imwrite",
    "save",
    "save_as_html",
    "savefig",
    "savemat",
    "savetxt",
    "savez",
    "savez_compressed",
    "sink_csv",
    "sink_parquet",
    "to_csv",
    "to_excel",
    "to_feather",
    "to_hdf",
    "to_html",
    "to_json",
    "to_latex",
    "to_markdown",
    "to_orc",
    "to_parquet",
    "to_pickle",
    "to_stata",
    "to_xml",
    "tofile",
    "write_csv",
    "write_html",
    "write_image",
    "write_parquet",
];

/// The module that an attribute of a module is, where it is one that must not hide behind another.
pub(super) fn hidden(attribute: &str) -> Option<&'static str> {
    let name = match attribute.trim_start_matches('_') {
        "bltns" => "builtins",
        "pkl" => "pickle",
        name => name,
    };
    HIDDEN.binary_search(&name).ok().map(|at| HIDDEN[at])
}

pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

pub(super) fn is_shell(path: &str) -> bool {
    SHELLS.binary_search(&path).is_ok()
}

pub(super) fn is_writer(method: &str) -> bool {
    WRITERS.binary_search(&method).is_ok()
}

/// Whether this opens a file as `open` does: path first, then the mode.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "open" | "io.open" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open" | "io.FileIO")
}

/// Whether this takes a name as its second argument and reaches the attribute of that name.
pub(super) fn is_getattr(path: &str) -> bool {
    matches!(path, "getattr" | "setattr" | "delattr" | "inspect.getattr_static" | "object.__getattribute__")
}

/// Whether this imports the module that its first argument names.
pub(super) fn is_import(path: &str) -> bool {
    matches!(
        path,
        "__import__"
            | "importlib.import_module"
            | "importlib.__import__"
            | "importlib.util.find_spec"
            | "runpy.run_module"
            | "pkgutil.get_loader"
            | "pytest.importorskip"
    )
}

/// Whether this runs the code in the string that is its first argument.
pub(super) fn runs_text(path: &str) -> bool {
    matches!(
        path,
        "eval"
            | "exec"
            | "compile"
            | "pandas.eval"
            | "numexpr.evaluate"
            | "sympy.sympify"
            | "sympy.parse_expr"
            | "sympy.parsing.sympy_parser.parse_expr"
            | "code.InteractiveInterpreter.runsource"
            | "codeop.compile_command"
            | "timeit.timeit"
            | "timeit.repeat"
            | "timeit.Timer"
            | "cProfile.run"
            | "profile.run"
            | "get_ipython().run_cell"
            | "get_ipython().ex"
            | "get_ipython().ev"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order() {
        assert!(HIDDEN.is_sorted() && BUILTINS.is_sorted() && SHELLS.is_sorted() && WRITERS.is_sorted());
    }
}
