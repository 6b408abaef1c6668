//! The file, and what is written to it: as it happens, so that a crash leaves what there was.

use crate::error::primary_code;
use crate::{JournalError, OUTCOME_BYTES_MAX, bounded, schema};
use protocol::{Answer, AnswerId, CodeRun, Turn};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a lock of another process is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// Readers and writers of one process at once.
const CONNECTIONS_MAX: u32 = 4;

/// An open journal. Clones share the file.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(crate) pool: SqlitePool,
    pub(crate) path: Arc<PathBuf>,
}

/// What is known when an answer begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Begin<'a> {
    /// The answer.
    pub id: &'a AnswerId,
    /// Who asks.
    pub caller: &'a str,
    /// What is asked.
    pub prompt: &'a str,
    /// `provider:name` of the model.
    pub model: &'a str,
    /// The answer before this one in the same conversation.
    pub conversation: Option<&'a AnswerId>,
}

impl Journal {
    /// Opens the file, which is made where there is none (mode 0600, its folder too). Several processes may have it
    /// open at once. A damaged or newer file is an error and left as it is.
    pub async fn open(path: &Path) -> Result<Journal, JournalError> {
        make(path).map_err(|source| JournalError::Make { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            // What a person removes shall not lie in free pages.
            .pragma("secure_delete", "ON");
        let pool = connect(options).await.map_err(|error| JournalError::of(path, error))?;
        schema::migrate(&pool, path).await?;
        Ok(Journal { pool, path: Arc::new(path.to_owned()) })
    }

    /// Waits for queries that run and closes the file. Nothing is lost without it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// An answer begins.
    pub async fn begin(&self, begin: &Begin<'_>) -> Result<(), JournalError> {
        let query = sqlx::query(
            "INSERT INTO answers (id, caller, conversation, prompt, model) VALUES (?, ?, ?, ?, ?)",
        );
        let query = query.bind(begin.id.as_str()).bind(begin.caller);
        let query = query.bind(begin.conversation.map(AnswerId::as_str)).bind(begin.prompt).bind(begin.model);
        query.execute(&self.pool).await.map(drop).map_err(|error| self.error(error))
    }

    /// A reply and its executions are done.
    pub async fn turn(&self, id: &AnswerId, turn: &Turn, runs: &[CodeRun]) -> Result<(), JournalError> {
        let (mut transaction, seq) = self.transaction(id).await?;
        for run in runs {
            self.write_run(&mut transaction, seq, run).await?;
        }
        self.write_turn(&mut transaction, seq, turn).await?;
        transaction.commit().await.map_err(|error| self.error(error))
    }

    /// The answer is there. Turns and executions that could not be written before are written now.
    pub async fn end(&self, id: &AnswerId, answer: &Answer) -> Result<(), JournalError> {
        let (mut transaction, seq) = self.transaction(id).await?;
        for run in &answer.executions {
            self.write_run(&mut transaction, seq, run).await?;
        }
        for turn in &answer.turns {
            self.write_turn(&mut transaction, seq, turn).await?;
        }
        let status = row(id, serde_json::to_value(answer.status))?;
        let error = answer.error.as_ref().map(|error| row(id, serde_json::to_string(error))).transpose()?;
        let query = sqlx::query(
            "UPDATE answers SET ended_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), model = ?, status = ?, answer = ?, \
             error = ?, code_attempts = ?, usage = ?, cost_usd = ?, wall_ms = ? WHERE seq = ?",
        );
        let query = query.bind(&answer.model).bind(status.as_str()).bind(&answer.answer).bind(error);
        let query = query.bind(answer.code_attempts).bind(row(id, serde_json::to_string(&answer.usage))?);
        let query = query.bind(answer.cost_usd).bind(answer.wall_ms).bind(seq);
        query.execute(&mut *transaction).await.map_err(|error| self.error(error))?;
        transaction.commit().await.map_err(|error| self.error(error))
    }

    /// A transaction that may write, and the answer's row.
    async fn transaction(&self, id: &AnswerId) -> Result<(Transaction<'static, Sqlite>, i64), JournalError> {
        // Not DEFERRED: one that begins by reading fails at its first write when another process wrote meanwhile.
        let begun = self.pool.begin_with("BEGIN IMMEDIATE").await;
        let mut transaction = begun.map_err(|error| self.error(error))?;
        let query = sqlx::query("SELECT seq FROM answers WHERE id = ?").bind(id.as_str());
        let found = query.fetch_optional(&mut *transaction).await.map_err(|error| self.error(error))?;
        let found = found.ok_or_else(|| JournalError::Unknown(id.to_string()))?;
        let seq = found.try_get(0).map_err(|error| self.error(error))?;
        Ok((transaction, seq))
    }

    async fn write_turn(&self, to: &mut SqliteConnection, seq: i64, turn: &Turn) -> Result<(), JournalError> {
        let query = sqlx::query("INSERT OR REPLACE INTO turns (answer, turn, body) VALUES (?, ?, ?)");
        let body = row(&format!("turn {}", turn.turn), serde_json::to_string(turn))?;
        let written = query.bind(seq).bind(turn.turn).bind(body).execute(to).await;
        written.map(drop).map_err(|error| self.error(error))
    }

    /// Writes an execution unless it is there: outcomes are large and do not change.
    async fn write_run(
        &self,
        to: &mut SqliteConnection,
        seq: i64,
        run: &CodeRun,
    ) -> Result<(), JournalError> {
        let outcome = row(&run.outcome.id, bounded::json(&run.outcome, OUTCOME_BYTES_MAX))?;
        let status = row(&run.outcome.id, serde_json::to_value(run.outcome.status))?;
        let query = sqlx::query(
            "INSERT OR IGNORE INTO executions (answer, id, attempt, call, language, code, status, outcome) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query.bind(seq).bind(run.outcome.id.as_str()).bind(run.attempt).bind(&run.call);
        let query = query.bind(run.language.name()).bind(&run.code).bind(status.as_str()).bind(outcome);
        query.execute(to).await.map(drop).map_err(|error| self.error(error))
    }

    pub(crate) fn error(&self, source: sqlx::Error) -> JournalError {
        JournalError::of(&self.path, source)
    }
}

/// What could not be turned into JSON, or read from it, belongs to `id`.
pub(crate) fn row<T>(id: &impl ToString, value: Result<T, serde_json::Error>) -> Result<T, JournalError> {
    value.map_err(|source| JournalError::Row { id: id.to_string(), source })
}

/// Makes an empty file, so that it never has another mode than 0600; SQLite gives the files beside it the same.
fn make(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Opens the file. The change to a write-ahead log needs it for oneself, and SQLite does not wait for that.
async fn connect(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let begun = Instant::now();
    loop {
        let pool =
            SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options.clone()).await;
        match pool {
            Err(error) if primary_code(&error) == Some(5) && begun.elapsed() < BUSY => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            pool => return pool,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_disk_refuses_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        let prompt = "x".repeat(1 << 20);
        let id = AnswerId::from_bits(1);
        let begin = Begin { id: &id, caller: "ada", prompt: &prompt, model: "m", conversation: None };
        let cases = [
            ("max_page_count", "10", "journal_full"),
            ("query_only", "ON", "journal_read_only"),
            ("busy_timeout", "0", "journal_busy"),
        ];
        let other = Journal::open(&path).await.unwrap();
        for (pragma, value, code) in cases {
            let options = SqliteConnectOptions::new().filename(&path).pragma(pragma, value);
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
            let journal = Journal { pool, path: Arc::new(path.clone()) };
            let writes = other.pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
            if code != "journal_busy" {
                writes.rollback().await.unwrap();
            }
            let error = journal.begin(&begin).await.unwrap_err();
            assert_eq!(error.code(), code, "{error:?}");
            assert!(
                error.to_string().starts_with("write the journal") && !error.hint().is_empty(),
                "{error}"
            );
        }
        assert_eq!(other.list("ada", 1, None).await.unwrap(), []);
        other.begin(&begin).await.unwrap();
    }
}
