//! Files that are not as they should be: each has its own error with advice, and is left as it was.

use crate::samples;
use journal::{Journal, JournalError};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

async fn raw(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).create_if_missing(true))
        .await
        .unwrap()
}

#[tokio::test]
async fn only_the_owner_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let journal = Journal::open(&path).await.unwrap();
    samples::write(&journal, "ada", &samples::answer(1, "x")).await;
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() > 1, "a write-ahead log lies beside it: {files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    journal.close().await;
    let again = Journal::open(&path).await.unwrap();
    assert_eq!(again.list("ada", 9, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let pool = raw(&path).await;
    sqlx::raw_sql("PRAGMA user_version = 99; CREATE TABLE later (x)").execute(&pool).await.unwrap();
    pool.close().await;
    let error = Journal::open(&path).await.unwrap_err();
    assert!(matches!(error, JournalError::Newer { found: 99, .. }), "{error:?}");
    assert!(error.to_string().contains("version 99") && error.hint().contains("newer"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_kept_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    for damage in [
        &b"this is no database, but a text that is long enough to be asked for its head ".repeat(20)[..],
        b"short",
    ] {
        std::fs::write(&path, damage).unwrap();
        let error = Journal::open(&path).await.unwrap_err();
        assert_eq!(error.code(), "journal_damaged", "{error:?}");
        assert!(
            error.hint().contains("move") && error.hint().contains(path.to_str().unwrap()),
            "{}",
            error.hint()
        );
        assert_eq!(std::fs::read(&path).unwrap(), damage);
    }
    std::fs::remove_file(&path).unwrap();
    let journal = Journal::open(&path).await.unwrap();
    for number in 1..=3 {
        samples::write(&journal, "ada", &samples::answer(number, &"x".repeat(9000))).await;
    }
    journal.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let broken = match Journal::open(&path).await {
        Ok(journal) => journal.list("ada", 9, None).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(broken.code(), "journal_damaged", "{broken:?}");
    let kept = std::fs::read(&path).unwrap();
    assert!(kept[4096..].iter().all(|byte| *byte == 0x5a));
}

#[tokio::test]
async fn places_that_cannot_hold_a_journal_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [file.join("journal.sqlite"), folder.path().to_owned(), "/proc/nowhere/journal.sqlite".into()]
    {
        let error = Journal::open(&path).await.unwrap_err();
        assert_eq!(error.code(), "journal_unopened", "{path:?}: {error:?}");
        assert!(error.hint().contains("--data-dir"), "{error:?}");
    }
}
