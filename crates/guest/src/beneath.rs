//! Opening a path that must stay below a directory, on kernels without `openat2`: one part after the other, following
//! links by hand. What the tree becomes meanwhile can make it fail, but never lead it out.

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Links that one path may lead over, as in Linux.
const LINKS_MAX: usize = 40;

/// Opens `path` below `dir`. A link that leads out is `EXDEV`, as with `RESOLVE_BENEATH`.
///
/// # Errors
/// What the kernel says, `EXDEV` for a way out, `ELOOP` for too many links.
pub fn open(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut way: VecDeque<Vec<u8>> = parts(path);
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(part) = way.pop_front() {
        let here = opened.last().map_or(dir, AsFd::as_fd);
        if part == b".." {
            // Above the directory itself there is nothing.
            opened.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let last = way.is_empty();
        match readlinkat(here, &part[..], Vec::new()) {
            Ok(_) if last && flags.contains(OFlags::NOFOLLOW) => {}
            Ok(target) => {
                links += 1;
                if links > LINKS_MAX {
                    return Err(Errno::LOOP);
                }
                if target.as_bytes().starts_with(b"/") {
                    return Err(Errno::XDEV);
                }
                parts(target.as_bytes()).into_iter().rev().for_each(|part| way.push_front(part));
                continue;
            }
            // Not a link, or not there: opening it tells.
            Err(_) => {}
        }
        if last {
            return openat(here, &part[..], flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode);
        }
        let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        opened.push(openat(here, &part[..], folder, Mode::empty())?);
    }
    openat(opened.last().map_or(dir, AsFd::as_fd), c".", flags | OFlags::CLOEXEC, mode)
}

fn parts(path: &[u8]) -> VecDeque<Vec<u8>> {
    let all = path.split(|byte| *byte == b'/');
    all.filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{ResolveFlags, fstat, openat2};
    use std::os::unix::fs::symlink;

    #[test]
    fn it_leads_where_the_kernel_would() {
        let dir = std::env::temp_dir().join(format!("belljar-beneath-{}", std::process::id()));
        let root = dir.join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        for (path, text) in [("file", "1"), ("a/file", "2"), ("a/b/file", "3")] {
            std::fs::write(root.join(path), text).unwrap();
        }
        std::fs::write(dir.join("outside"), "4").unwrap();
        for (link, target) in [
            ("to_file", "file"),
            ("to_folder", "a/b"),
            ("a/up", "../file"),
            ("a/b/out", "../../../outside"),
            ("absolute", "/etc/passwd"),
            ("loop", "loop"),
            ("dangling", "nowhere"),
            ("a/home", ".."),
            ("chain", "a/home/to_folder/file"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let fd = rustix::fs::open(&root, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for path in [
            "file",
            "a/file",
            "./a//b/file",
            "a/../file",
            "..",
            "../root/file",
            "a/../../outside",
            "to_file",
            "to_folder",
            "to_folder/file",
            "to_folder/../file",
            "a/up",
            "a/b/out",
            "absolute",
            "loop",
            "dangling",
            "chain",
            "none",
            "file/x",
            "a/home/a/home/file",
            ".",
            "a/b/..",
        ] {
            for flags in [
                OFlags::RDONLY,
                OFlags::PATH,
                OFlags::PATH | OFlags::DIRECTORY,
                OFlags::RDONLY | OFlags::NOFOLLOW,
            ] {
                let inode = |opened: Result<OwnedFd, Errno>| opened.map(|fd| fstat(&fd).unwrap().st_ino);
                let ours = inode(open(fd.as_fd(), path.as_bytes(), flags, Mode::empty()));
                let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
                match inode(openat2(&fd, path, flags | OFlags::CLOEXEC, Mode::empty(), how)) {
                    Err(Errno::NOSYS) => eprintln!("this kernel has no openat2 to compare with"),
                    theirs => assert_eq!(ours, theirs, "{path} {flags:?}"),
                }
            }
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
