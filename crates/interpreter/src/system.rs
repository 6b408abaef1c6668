//! What of a system's top directory and of `/etc` every sandbox has, whichever way it is made, and where Node.js is.

use std::path::{Path, PathBuf};

/// Top directories that are links into `/usr` on most systems, and directories on others.
pub(crate) const TOP: [&str; 6] = ["bin", "sbin", "lib", "lib64", "lib32", "libx32"];

/// Files and directories of `/etc` that libraries read and that tell nothing about the host's users.
pub(crate) const ETC: [&str; 14] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "crypto-policies",
    "fonts",
    "mime.types",
    "services",
    "protocols",
    "localtime",
];
/// Those that belong to programs which no image has: R reads its settings through links from below `/usr`.
pub(crate) const ETC_NATIVE: [&str; 1] = ["R"];
const PASSWD: &str = "root:x:0:0:root:/:/usr/sbin/nologin\nuser:x:1000:1000:user:/home/user:/bin/bash\n\
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost sandbox\n::1 localhost sandbox\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n";

/// Files that are made, and what is in them.
pub(crate) const FILES: [(&str, &str); 6] = [
    ("/etc/passwd", PASSWD),
    ("/etc/group", GROUP),
    ("/etc/hosts", HOSTS),
    ("/etc/hostname", "sandbox\n"),
    ("/etc/nsswitch.conf", NSSWITCH),
    ("/etc/resolv.conf", ""),
];

/// Top directories that are links on this host, and where they lead.
pub(crate) fn top_links() -> Vec<(&'static str, PathBuf)> {
    TOP.into_iter()
        .filter_map(|name| Some((name, std::fs::read_link(Path::new("/").join(name)).ok()?)))
        .collect()
}

/// Node.js on this host, with links resolved.
pub(crate) fn node() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("node")).find(|node| node.is_file())?;
    std::fs::canonicalize(found).ok()
}
