//! Programs of this host that commands and `!shell` lines expect, as far as they are installed.

use super::host_files::is_open;
use super::needs;
use super::root::{Entry, Root};
use crate::system;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Names of programs, by what they are for. Scripts among them need a shell, which is there.
const PROGRAMS: [(&str, &str); 9] = [
    ("shells", "sh bash dash"),
    (
        "files and text: coreutils",
        "[ arch b2sum base32 base64 basename basenc cat chgrp chmod chown cksum comm cp csplit cut date dd df dir \
         dircolors dirname du echo env expand expr factor false fmt fold groups head hostid id install join link ln \
         logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pinky pr printenv \
         printf ptx pwd readlink realpath rm rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep \
         sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand \
         uniq unlink users vdir wc who whoami yes",
    ),
    (
        "searching and editing",
        "grep egrep fgrep sed awk mawk gawk find xargs diff diff3 cmp sdiff patch which tree",
    ),
    ("archives", "tar gzip gunzip zcat bzip2 bunzip2 bzcat xz unxz xzcat zstd zip unzip"),
    ("processes", "ps pgrep pkill top free kill uptime vmstat w watch pidof time"),
    (
        "the rest of a usual system",
        "hostname setsid flock getopt column rev hexdump xxd more less file getent locale iconv bc jq sqlite3",
    ),
    ("sources, signatures, servers of the sandbox's own", "git openssl curl"),
    ("JavaScript", "node"),
    ("terminals", "tput clear infocmp reset"),
];

/// Files beside programs that they do not work without.
const BESIDE: [&str; 5] = [
    "/usr/lib/git-core/git",
    "/usr/share/misc/magic.mgc",
    "/usr/lib/file/magic.mgc",
    "/usr/share/nodejs/typescript/package.json",
    "/usr/share/nodejs/typescript/lib/typescript.js",
];
/// Where Node.js is inside, also if it is elsewhere on PATH here. A script that chooses among several is none.
const NODE: &str = "usr/bin/node";

/// Adds all of them, as far as they are there and not for some users only.
pub(super) fn collect(root: &mut Root) {
    let names = PROGRAMS.iter().flat_map(|(_, names)| names.split_ascii_whitespace());
    for name in names {
        // The first folder that has it; the other may be the same by a link.
        let found = FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
        if let Some(path) = found.filter(|path| is_open(path)) {
            root.file(&path);
        }
    }
    for path in BESIDE {
        root.file(Path::new(path));
    }
    let is_program = |path: &PathBuf| needs::read(path).is_ok_and(|needs| needs.is_some());
    if !root.entries.contains_key(Path::new(NODE))
        && let Some(node) = system::node().filter(is_program)
    {
        root.entries.insert(NODE.into(), Entry::File(node));
    }
}
