//! What can go wrong with the journal. None of it may take an answer down: callers warn and go on.

use protocol::AnswerId;
use std::borrow::Cow;
use std::path::PathBuf;

/// Why the journal could not be read or written. The message fits after "cannot ".
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum JournalError {
    /// The file or its folder could not be made.
    #[error("make the journal {}: {source}", path.display())]
    Make { path: PathBuf, source: std::io::Error },
    /// The file is there and cannot be opened.
    #[error("open the journal {}", path.display())]
    Closed { path: PathBuf, source: sqlx::Error },
    /// A later version of Belljar has changed its tables.
    #[error("use the journal {}: a newer Belljar wrote it (version {found}; this one knows {known})", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The file is no database, or a broken one.
    #[error("read the journal {}: the file is damaged", path.display())]
    Damaged { path: PathBuf, source: sqlx::Error },
    /// No room is left.
    #[error("write the journal {}: the disk is full", path.display())]
    Full { path: PathBuf, source: sqlx::Error },
    /// The file or its disk may not be written.
    #[error("write the journal {}: it is read-only", path.display())]
    ReadOnly { path: PathBuf, source: sqlx::Error },
    /// Another process writes, and does not come to an end.
    #[error("write the journal {}: another process has locked it", path.display())]
    Busy { path: PathBuf, source: sqlx::Error },
    /// Anything else that the database says.
    #[error("use the journal {}: {source}", path.display())]
    Database { path: PathBuf, source: sqlx::Error },
    /// A row does not hold what was written.
    #[error("read {id} in the journal: {source}")]
    Row { id: String, source: serde_json::Error },
    /// An id or the start of one was expected.
    #[error("read {0:?} as an answer's id")]
    NotAnId(String),
    /// Nothing fits.
    #[error("find {0:?} in the journal")]
    Unknown(String),
    /// The start of an id fits several.
    #[error("choose an answer: {text:?} fits {}", list(ids))]
    Ambiguous { text: String, ids: Vec<AnswerId> },
}

fn list(ids: &[AnswerId]) -> String {
    ids.iter().map(AnswerId::as_str).collect::<Vec<_>>().join(", ")
}

impl JournalError {
    /// For programs: a word that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            JournalError::Make { .. } | JournalError::Closed { .. } => "journal_unopened",
            JournalError::Newer { .. } => "journal_newer",
            JournalError::Damaged { .. } | JournalError::Row { .. } => "journal_damaged",
            JournalError::Full { .. } => "journal_full",
            JournalError::ReadOnly { .. } => "journal_read_only",
            JournalError::Busy { .. } => "journal_busy",
            JournalError::Database { .. } => "journal_failed",
            JournalError::NotAnId(_) => "answer_id",
            JournalError::Unknown(_) => "answer_unknown",
            JournalError::Ambiguous { .. } => "answer_ambiguous",
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Cow<'static, str> {
        match self {
            JournalError::Make { .. } | JournalError::Closed { .. } | JournalError::ReadOnly { .. } => {
                "check who may write the data folder; --data-dir or BELLJAR_DATA_DIR names another one".into()
            }
            JournalError::Newer { .. } => "use the newer Belljar, or another data folder".into(),
            JournalError::Damaged { path, .. } => format!(
                "move {0} away and a new one is made; `sqlite3 {0} .recover` may save what it holds",
                path.display()
            )
            .into(),
            JournalError::Full { .. } => {
                "free some space; `belljar log prune --older-than 30d` removes old answers".into()
            }
            JournalError::Busy { .. } => "try again when it has ended".into(),
            JournalError::Database { .. } => "check the disk; --data-dir names another data folder".into(),
            JournalError::Row { .. } => "`belljar log rm` removes it; the others are not concerned".into(),
            JournalError::NotAnId(_) => "expected `last`, or the first hexadecimal digits of an id".into(),
            JournalError::Unknown(_) => "`belljar log` lists what is there".into(),
            JournalError::Ambiguous { .. } => "give more digits".into(),
        }
    }

    /// What a failed query means for this file.
    pub(crate) fn of(path: &std::path::Path, source: sqlx::Error) -> JournalError {
        let path = path.to_owned();
        match primary_code(&source) {
            Some(5 | 6) => JournalError::Busy { path, source },
            Some(8) => JournalError::ReadOnly { path, source },
            Some(11 | 26) => JournalError::Damaged { path, source },
            Some(13) => JournalError::Full { path, source },
            Some(14) => JournalError::Closed { path, source },
            _ => JournalError::Database { path, source },
        }
    }
}

/// SQLite's result code (<https://www.sqlite.org/rescode.html>) without its extension.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let extended: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
