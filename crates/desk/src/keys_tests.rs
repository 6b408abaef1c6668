//! Keys in their file: shown once, hashed, revoked by another process, bounded by their limits.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn new(name: &str) -> NewKey {
    let (expires_at, limits) = (None, KeyLimits::default());
    NewKey { name: name.to_owned(), expires_at, scopes: vec![Scope::Execute], limits }
}

#[test]
fn a_key_opens_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/keys.json");
    let server = Keys::at(&path);
    assert!(!server.any_good().unwrap() && server.visitor("x").unwrap().is_none());
    let (made, whole) = Keys::at(&path).create(new("ci")).unwrap();
    assert!(whole.starts_with(&made.prefix) && whole.len() == 77, "{whole}");

    let visitor = server.visitor(&whole).unwrap().unwrap();
    assert_eq!(visitor.caller().0, made.caller);
    assert!(visitor.check(Scope::Execute).is_ok());
    assert_eq!(visitor.check(Scope::Journal).unwrap_err().code(), "forbidden");

    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&whole[13..]), "the secret is not in the file");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    assert!(matches!(server.revoke("other"), Err(KeyError::Unknown(_))));
    Keys::at(&path).revoke("ci").unwrap();
    assert!(server.visitor(&whole).unwrap().is_none());
    assert!(!server.any_good().unwrap());
    assert_eq!(server.list().unwrap().len(), 1);
}

#[test]
fn a_key_opens_as_clients_of_e2b_spell_it() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path().join("keys.json"));
    let (made, whole) = keys.create(new("e2b")).unwrap();
    let spelled = to_e2b(&whole);
    let digits = spelled.strip_prefix("e2b_").unwrap();
    assert!(
        digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit)),
        "{spelled}"
    );
    assert_eq!(keys.visitor(&spelled).unwrap().unwrap().caller().0, made.caller);
    for wrong in ["e2b_", "e2b_00", "e2b_é0000000000", &spelled[..20], &spelled.replace("e2b_", "e2b_0")] {
        assert!(keys.visitor(wrong).unwrap().is_none(), "{wrong}");
    }
}

#[test]
fn what_is_nearly_a_key_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path().join("keys.json"));
    let (_, whole) = keys.create(new("one")).unwrap();
    let (_, other) = keys.create(new("two")).unwrap();
    let past = Utc::now() - Duration::from_secs(1);
    let (_, expired) = keys.create(NewKey { expires_at: Some(past), ..new("old") }).unwrap();
    let last = if whole.ends_with('0') { "1" } else { "0" };
    let cases = [
        String::new(),
        whole[..76].to_owned(),
        format!("{}{last}", &whole[..76]),
        format!("{}{}", &whole[..12], &other[12..]),
        whole.to_uppercase(),
        "ü".repeat(38) + "x",
        expired,
    ];
    for case in cases {
        assert!(keys.visitor(&case).unwrap().is_none(), "{case}");
    }
    assert!(keys.visitor(&whole).unwrap().is_some());
    assert!(matches!(keys.create(new(" ")), Err(KeyError::Name(_))));
}

#[test]
fn limits_outlive_a_change_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::at(folder.path().join("keys.json"));
    let limits = KeyLimits { requests_per_second: Some(0.001), burst: Some(2), ..KeyLimits::default() };
    let (_, whole) = keys.create(NewKey { limits, ..new("slow") }).unwrap();
    let count = || keys.visitor(&whole).unwrap().unwrap().count_request();
    assert!(count().is_ok());
    Keys::at(folder.path().join("keys.json")).create(new("another")).unwrap();
    assert!(count().is_ok());
    let error = count().unwrap_err();
    assert_eq!(error.code(), "too_fast");
    assert!(error.retry_after().is_some());
}

#[test]
fn a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    std::fs::write(&path, "{").unwrap();
    let keys = Keys::at(&path);
    assert!(matches!(keys.visitor("x"), Err(KeyError::Read { .. })));
    assert!(matches!(keys.create(new("x")), Err(KeyError::Read { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
}
