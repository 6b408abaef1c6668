//! Extended attributes of files: what their owners note about them.

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// Names and values of one file together, in bytes.
const BYTES_MAX: usize = 64 << 10;

/// What a file shall have of those whose names begin with something.
pub struct Attributes<'a> {
    /// Names and values.
    pub all: &'a BTreeMap<String, String>,
    /// What their names begin with.
    pub prefix: &'a str,
}

impl Attributes<'_> {
    /// Replaces those of a file.
    pub fn set(&self, file: &OwnedFd) -> Result<(), Errno> {
        // A file system without any has none to remove.
        let there = names(file, self.prefix).unwrap_or_default();
        for name in there.iter().filter(|name| !self.all.contains_key(*name)) {
            fremovexattr(file, name.as_str())?;
        }
        for (name, value) in self.all.iter().filter(|(name, _)| name.starts_with(self.prefix)) {
            fsetxattr(file, name.as_str(), value.as_bytes(), XattrFlags::empty())?;
        }
        Ok(())
    }
}

/// Those of a file; none where its file system has none.
pub fn read(file: &OwnedFd, prefix: &str) -> Result<BTreeMap<String, String>, Errno> {
    let names = match names(file, prefix) {
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        names => names?,
    };
    let mut found = BTreeMap::new();
    for name in names {
        let mut value = vec![0; BYTES_MAX];
        let length = fgetxattr(file, name.as_str(), &mut value[..])?;
        found.insert(name, String::from_utf8_lossy(&value[..length]).into_owned());
    }
    Ok(found)
}

fn names(file: &OwnedFd, prefix: &str) -> Result<Vec<String>, Errno> {
    let mut list = vec![0; BYTES_MAX];
    let length = flistxattr(file, &mut list[..])?;
    let all = list[..length].split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok());
    Ok(all.filter(|name| !name.is_empty() && name.starts_with(prefix)).map(str::to_owned).collect())
}
