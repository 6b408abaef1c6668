//! What is read from the journal, page by page or whole, and what is removed from it. A caller sees only its own.

use crate::store::row;
use crate::{Entry, Journal, JournalError, Summary};
use protocol::{Answer, AnswerError, AnswerId, AnswerStatus, CodeRun, Tokens, Turn};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::time::Duration;

/// How many ids are named when one is ambiguous.
const AMBIGUOUS_MAX: i64 = 10;

impl Journal {
    /// The caller's answers, the newest first; `before` continues after the last one of a page.
    pub async fn list(
        &self,
        caller: &str,
        limit: u32,
        before: Option<&AnswerId>,
    ) -> Result<Vec<Summary>, JournalError> {
        let below = match before {
            Some(id) => {
                self.answer_row(caller, id).await?.try_get("seq").map_err(|error| self.error(error))?
            }
            None => i64::MAX,
        };
        let query = sqlx::query(
            "SELECT id, conversation, started_at, ended_at, status, model, cost_usd, wall_ms, prompt, \
             COALESCE(code_attempts, (SELECT COUNT(*) FROM executions \
                WHERE executions.answer = answers.seq AND executions.status <> 'denied')) AS code_attempts \
             FROM answers WHERE caller = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
        );
        let rows = query.bind(caller).bind(below).bind(limit).fetch_all(&self.pool).await;
        rows.map_err(|error| self.error(error))?.iter().map(|row| self.summary(row)).collect()
    }

    /// The id that `text` means: `last`, an id, or the first digits of one with or without `ans_`.
    pub async fn find(&self, caller: &str, text: &str) -> Result<AnswerId, JournalError> {
        if text == "last" {
            let newest = self.list(caller, 1, None).await?.pop();
            return newest.map(|one| one.id).ok_or_else(|| JournalError::Unknown(text.to_owned()));
        }
        let digits = text.strip_prefix(AnswerId::PREFIX).unwrap_or(text).to_ascii_lowercase();
        if digits.is_empty() || digits.len() > 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JournalError::NotAnId(text.chars().take(64).collect()));
        }
        let start = format!("{}{digits}", AnswerId::PREFIX);
        let query = sqlx::query(
            "SELECT id FROM answers WHERE caller = ? AND id >= ? AND id < ? || 'g' ORDER BY seq DESC LIMIT ?",
        );
        let query = query.bind(caller).bind(&start).bind(&start).bind(AMBIGUOUS_MAX);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.error(error))?;
        let ids: Vec<AnswerId> = rows.iter().map(|row| self.word(row, "id")).collect::<Result<_, _>>()?;
        match <[AnswerId; 1]>::try_from(ids) {
            Ok([id]) => Ok(id),
            Err(none) if none.is_empty() => Err(JournalError::Unknown(text.to_owned())),
            Err(ids) => Err(JournalError::Ambiguous { text: text.to_owned(), ids }),
        }
    }

    /// One answer with everything; `text` as in [`Journal::find`].
    pub async fn show(&self, caller: &str, text: &str) -> Result<Entry, JournalError> {
        let id = self.find(caller, text).await?;
        let row = self.answer_row(caller, &id).await?;
        let seq: i64 = self.get(&row, "seq")?;
        let turns = self.turns(seq).await?;
        let executions = self.executions(seq).await?;
        let ended_at: Option<String> = self.get(&row, "ended_at")?;
        let answer = match ended_at {
            Some(_) => self.whole(id, &row, turns, executions)?,
            None => self.begun(id, &row, turns, executions)?,
        };
        Ok(Entry {
            answer,
            caller: caller.to_owned(),
            conversation: self.maybe_word(&row, "conversation")?,
            started_at: self.get(&row, "started_at")?,
            complete: ended_at.is_some(),
            ended_at,
        })
    }

    /// Removes one answer.
    pub async fn remove(&self, caller: &str, id: &AnswerId) -> Result<(), JournalError> {
        let query =
            sqlx::query("DELETE FROM answers WHERE caller = ? AND id = ?").bind(caller).bind(id.as_str());
        let done = query.execute(&self.pool).await.map_err(|error| self.error(error))?;
        if done.rows_affected() == 0 {
            return Err(JournalError::Unknown(id.to_string()));
        }
        self.shrink().await
    }

    /// Removes the caller's answers that began longer ago than `older_than`, and all but the newest `keep_at_most`;
    /// gives back how many.
    pub async fn prune(
        &self,
        caller: &str,
        older_than: Option<Duration>,
        keep_at_most: Option<u32>,
    ) -> Result<u64, JournalError> {
        let age = older_than.map(|age| format!("-{}.{:03} seconds", age.as_secs(), age.subsec_millis()));
        let query = sqlx::query(
            "DELETE FROM answers WHERE caller = ?1 AND (started_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?2) \
             OR seq NOT IN (SELECT seq FROM answers WHERE caller = ?1 ORDER BY seq DESC LIMIT ?3))",
        );
        let query = query.bind(caller).bind(age).bind(keep_at_most.map_or(-1, i64::from));
        let done = query.execute(&self.pool).await.map_err(|error| self.error(error))?;
        if done.rows_affected() > 0 {
            self.shrink().await?;
        }
        Ok(done.rows_affected())
    }

    /// Gives free pages back to the disk.
    async fn shrink(&self) -> Result<(), JournalError> {
        let script = sqlx::raw_sql("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
        script.execute(&self.pool).await.map(drop).map_err(|error| self.error(error))
    }

    async fn answer_row(&self, caller: &str, id: &AnswerId) -> Result<SqliteRow, JournalError> {
        let query =
            sqlx::query("SELECT * FROM answers WHERE caller = ? AND id = ?").bind(caller).bind(id.as_str());
        let found = query.fetch_optional(&self.pool).await.map_err(|error| self.error(error))?;
        found.ok_or_else(|| JournalError::Unknown(id.to_string()))
    }

    async fn turns(&self, seq: i64) -> Result<Vec<Turn>, JournalError> {
        let query = sqlx::query("SELECT body FROM turns WHERE answer = ? ORDER BY turn").bind(seq);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.error(error))?;
        rows.iter().map(|row| self.json(row, "body")).collect()
    }

    async fn executions(&self, seq: i64) -> Result<Vec<CodeRun>, JournalError> {
        let query =
            sqlx::query("SELECT * FROM executions WHERE answer = ? ORDER BY attempt, rowid").bind(seq);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.error(error))?;
        let run = |row: &SqliteRow| {
            Ok(CodeRun {
                call: self.get(row, "call")?,
                attempt: self.get(row, "attempt")?,
                language: self.word(row, "language")?,
                code: self.get(row, "code")?,
                outcome: self.json(row, "outcome")?,
            })
        };
        rows.iter().map(run).collect()
    }

    fn summary(&self, row: &SqliteRow) -> Result<Summary, JournalError> {
        Ok(Summary {
            id: self.word(row, "id")?,
            conversation: self.maybe_word(row, "conversation")?,
            started_at: self.get(row, "started_at")?,
            complete: self.get::<Option<String>>(row, "ended_at")?.is_some(),
            status: self.maybe_word(row, "status")?,
            model: self.get(row, "model")?,
            code_attempts: self.get(row, "code_attempts")?,
            cost_usd: self.get(row, "cost_usd")?,
            wall_ms: self.get(row, "wall_ms")?,
            prompt: self.get(row, "prompt")?,
        })
    }

    fn whole(
        &self,
        id: AnswerId,
        row: &SqliteRow,
        turns: Vec<Turn>,
        executions: Vec<CodeRun>,
    ) -> Result<Answer, JournalError> {
        let error: Option<String> = self.get(row, "error")?;
        Ok(Answer {
            prompt: self.get(row, "prompt")?,
            model: self.get(row, "model")?,
            status: self.word(row, "status")?,
            answer: self.get(row, "answer")?,
            error: error.map(|_| self.json(row, "error")).transpose()?,
            code_attempts: self.get(row, "code_attempts")?,
            usage: self.json(row, "usage")?,
            cost_usd: self.get(row, "cost_usd")?,
            wall_ms: self.get(row, "wall_ms")?,
            id,
            turns,
            executions,
        })
    }

    /// What is known of an answer that has not ended.
    fn begun(
        &self,
        id: AnswerId,
        row: &SqliteRow,
        turns: Vec<Turn>,
        executions: Vec<CodeRun>,
    ) -> Result<Answer, JournalError> {
        let ran = executions.iter().filter(|run| run.outcome.status != protocol::Status::Denied).count();
        let mut usage = Tokens::default();
        turns.iter().for_each(|turn| usage += turn.tokens);
        let error = AnswerError {
            code: "incomplete".to_owned(),
            message: "the answer has not ended: it is still made, or its program was stopped".to_owned(),
            hint: None,
        };
        Ok(Answer {
            prompt: self.get(row, "prompt")?,
            model: self.get(row, "model")?,
            status: AnswerStatus::Cancelled,
            answer: turns.last().map(|turn| turn.text.clone()).unwrap_or_default(),
            error: Some(error),
            code_attempts: u32::try_from(ran).unwrap_or(u32::MAX),
            usage,
            cost_usd: None,
            wall_ms: turns.iter().map(|turn| turn.model_ms).sum(),
            id,
            turns,
            executions,
        })
    }

    pub(crate) fn get<'r, T>(&self, row: &'r SqliteRow, column: &str) -> Result<T, JournalError>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        row.try_get(column).map_err(|error| self.error(error))
    }

    /// A column that holds JSON.
    fn json<T: DeserializeOwned>(&self, from: &SqliteRow, column: &str) -> Result<T, JournalError> {
        let text: &str = self.get(from, column)?;
        row(&column, serde_json::from_str(text))
    }

    /// A column that holds a word of ours.
    pub(crate) fn word<T: DeserializeOwned>(
        &self,
        from: &SqliteRow,
        column: &str,
    ) -> Result<T, JournalError> {
        let text: String = self.get(from, column)?;
        row(&column, serde_json::from_value(Value::String(text)))
    }

    pub(crate) fn maybe_word<T: DeserializeOwned>(
        &self,
        from: &SqliteRow,
        column: &str,
    ) -> Result<Option<T>, JournalError> {
        let text: Option<String> = self.get(from, column)?;
        text.map(|text| row(&column, serde_json::from_value(Value::String(text)))).transpose()
    }
}
