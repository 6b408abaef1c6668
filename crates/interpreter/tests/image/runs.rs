//! Programs inside of an unpacked image: each must say what it says on any host.

use crate::links;
use crate::scene::{Root, template};
use std::path::Path;

/// Standard library and packages, with the libraries, locales, zones and certificates that they read.
const PYTHON: [(&str, &str); 11] = [
    ("import IPython, jedi; print(len(IPython.__version__.split('.')) > 1)", "True"),
    ("import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'] > 50)", "True"),
    ("import sqlite3; print(sqlite3.connect(':memory:').execute('select 6*7').fetchone()[0])", "42"),
    (
        "import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Berlin').key, len(zoneinfo.available_timezones()) > 400)",
        "Europe/Berlin True",
    ),
    (
        "import lzma, bz2, zlib; print([m.decompress(m.compress(b'x')) for m in (lzma, bz2, zlib)])",
        "[b'x', b'x', b'x']",
    ),
    (
        "import ctypes; print(ctypes.CDLL('libm.so.6').abs(-7), ctypes.CDLL('libstdc++.so.6') is None)",
        "7 False",
    ),
    ("import locale; print(locale.setlocale(locale.LC_ALL, ''))", "C.UTF-8"),
    (
        "import pwd, grp, socket; print(pwd.getpwuid(1000).pw_name, grp.getgrgid(1000).gr_name, \
      socket.gethostbyname('localhost'))",
        "user user 127.0.0.1",
    ),
    ("import curses; curses.setupterm(); print(curses.tigetnum('colors'))", "256"),
    (
        "import hashlib, hmac, uuid, readline, multiprocessing, asyncio, decimal; print(hashlib.sha256(b'').hexdigest()[:8])",
        "e3b0c442",
    ),
    (
        "import subprocess; print(subprocess.check_output('echo $((6*7)) | cat', shell=True, text=True).strip())",
        "42",
    ),
];

/// The program that must be on the host, a command in Bash, and what it prints.
const COMMANDS: [(&str, &str, &str); 30] = [
    ("sh", "sh -c 'echo from sh'", "from sh"),
    (
        "ls",
        "ls -d /.belljar/* | sort | tr '\\n' ' '",
        "/.belljar/driver /.belljar/guest /.belljar/walls-probe",
    ),
    ("awk", "printf '1 2\\n3 4\\n' | awk '{ sum += $2 } END { print sum }'", "6"),
    ("sed", "echo abc | sed s/b/x/ | grep -c axc", "1"),
    ("find", "find /etc -name passwd | xargs -n1 basename", "passwd"),
    ("date", "TZ=Asia/Tokyo date -d @0 +%H:%M", "09:00"),
    ("cmp", "cd /tmp; echo a > cmp; cmp cmp cmp && diff cmp cmp && echo same", "same"),
    ("tar", "cd /tmp; echo packed > in; tar czf t.tgz in; tar xzOf t.tgz in", "packed"),
    ("gzip", "echo z | gzip | zcat", "z"),
    ("bzip2", "echo z | bzip2 | bunzip2", "z"),
    ("xz", "echo z | xz | unxz", "z"),
    ("zip", "cd /tmp; echo zipped > z; zip -q z.zip z", ""),
    ("unzip", "unzip -v | grep -c '^UnZip 6'", "1"),
    ("zstd", "echo z | zstd -q | zstd -qd", "z"),
    ("ps", "ps -p $$ -o comm= | cat", "bash"),
    ("pgrep", "pgrep -x bash >/dev/null && echo found", "found"),
    ("top", "top -bn1 >/tmp/top && test -s /tmp/top && echo tables", "tables"),
    ("flock", "flock /tmp/lock setsid --wait echo locked", "locked"),
    ("getopt", "getopt -o a: -- -a x | tr -d \"' \"", "-ax--"),
    ("timeout", "timeout 5 env which bash", "/usr/bin/bash"),
    ("hostname", "hostname >/dev/null && cat /etc/hostname", "sandbox"),
    ("less", "echo page | less", "page"),
    ("file", "file -b /bin/bash | grep -c ^ELF", "1"),
    (
        "git",
        "cd /tmp && git init -q g && cd g && git -c user.name=a -c user.email=b commit -q --allow-empty -m first \
             && git log --format=%s",
        "first",
    ),
    ("openssl", "echo -n | openssl dgst -sha256 | grep -o e3b0c442", "e3b0c442"),
    ("curl", "curl -s file:///etc/hostname", "sandbox"),
    (
        "node",
        "node -e 'console.log([1, 2].map(x => x * 21).join(), Intl.NumberFormat(\"de\").format(0.5))'",
        "21,42 0,5",
    ),
    ("tput", "tput colors", "256"),
    ("iconv", "printf 'A\\0' | iconv -f UTF-16LE -t UTF-8", "A"),
    ("locale", "locale charmap", "UTF-8"),
];

#[test]
fn python_finds_all_that_it_opens() {
    let Some(template) = template("python", "python_finds_all_that_it_opens") else { return };
    let Some(root) = Root::open(Some(&template), "python_finds_all_that_it_opens") else { return };
    for (code, wanted) in PYTHON {
        check(&root, &["/.belljar/template/bin/python", "-I", "-c", code], wanted);
    }
    check(
        &root,
        &["/.belljar/template/bin/python3", "-I", "-c", "import sys; print(sys.prefix)"],
        "/.belljar/template",
    );
    check(&root, &["ipython", "--no-banner", "-c", "!echo $((6*7))"], "42");
    links::all_lead_inside(&root, &template);
}

#[test]
fn usual_commands_work() {
    let Some(root) = Root::open(None, "usual_commands_work") else { return };
    let mut tried = 0;
    for (program, command, wanted) in COMMANDS {
        let folders = ["/usr/bin", "/bin"];
        let on_host = folders.iter().any(|folder| Path::new(folder).join(program).exists());
        let inside = folders.iter().any(|folder| root.has(&format!("{folder}/{program}")));
        assert!(inside || !on_host, "{program} does not come along");
        if inside {
            check(&root, &["bash", "-c", command], wanted);
            tried += 1;
        }
    }
    assert!(tried > 15, "only {tried} of them are on this host");
    assert!(!root.has("/.belljar/template"), "an image without a template has no Python");
}

#[test]
fn packages_work() {
    let Some(template) = template("data", "packages_work") else { return };
    let Some(root) = Root::open(Some(&template), "packages_work") else { return };
    let code = "import pandas as pd, numpy as np; \
                print(pd.DataFrame({'a': [1, 1, 2], 'b': [1, 2, 3]}).groupby('a').b.sum().tolist(), np.dot([1, 2], [3, 4]))";
    check(&root, &["/.belljar/template/bin/python", "-I", "-c", code], "[3, 3] 11");
    links::all_lead_inside(&root, &template);
}

fn check(root: &Root, words: &[&str], wanted: &str) {
    let output = root.run(words);
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && wrong.is_empty() && said.trim() == wanted, "{words:?}: {said}{wrong}");
}
