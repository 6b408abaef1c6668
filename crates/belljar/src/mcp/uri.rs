//! How files of sandboxes are named as resources: `belljar://{sandbox}/files/{path}`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use protocol::SandboxId;

/// The template that clients fill in. The path keeps its slashes.
pub const TEMPLATE: &str = "belljar://{sandbox}/files/{+path}";

const SCHEME: &str = "belljar://";
/// What a path keeps as it is: RFC 3986's unreserved characters, and slashes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The resource of a file; `path` is absolute or below `/workspace`.
pub fn of(sandbox: &SandboxId, path: &str) -> String {
    format!("{SCHEME}{sandbox}/files/{}", utf8_percent_encode(path, ESCAPED))
}

/// Sandbox and path of a resource; `None` where it is not one of ours.
pub fn read(uri: &str) -> Option<(SandboxId, String)> {
    let (sandbox, path) = uri.strip_prefix(SCHEME)?.split_once("/files/")?;
    let sandbox = SandboxId::try_from(sandbox.to_owned()).ok()?;
    let path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
    (!path.is_empty()).then_some((sandbox, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back() {
        let id = SandboxId::from_bits(7);
        for path in
            ["plot.png", "a b/größe 図.csv", "100%/x?y#z", "/tmp/x", "\u{f7ff}", "..", "a//b", "new\nline"]
        {
            let uri = of(&id, path);
            assert!(uri.is_ascii() && !uri.contains([' ', '#', '?', '\n']), "{uri}");
            assert_eq!(read(&uri), Some((id.clone(), path.to_owned())));
        }
        let plain = of(&id, "a/b.txt");
        assert_eq!(plain, format!("belljar://{id}/files/a/b.txt"));
        assert_eq!(read(&plain.replace("a/b", "a%2Fb")), read(&plain), "as {{path}} fills it in");
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let id = SandboxId::from_bits(7);
        for uri in [
            "file:///etc/passwd".to_owned(),
            "belljar://sbx_1/files/x".to_owned(),
            format!("belljar://{id}/files/"),
            format!("belljar://{id}/file/x"),
            format!("belljar://{id}/files/%ff"),
            String::new(),
        ] {
            assert_eq!(read(&uri), None, "{uri}");
        }
    }
}
