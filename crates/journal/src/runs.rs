//! What a server ran for its callers: written when it begins and when it ends, read page by page by its own caller.

use crate::store::row;
use crate::{Journal, JournalError, OUTCOME_BYTES_MAX, bounded};
use protocol::{ContextId, ExecutionId, Language, Outcome, SandboxId, Status};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Longest code that is kept, in bytes; of longer code, the beginning.
const CODE_BYTES_MAX: usize = 1 << 20;

/// What is known when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunBegin {
    /// The execution.
    pub id: ExecutionId,
    /// Who asks.
    pub caller: String,
    /// The server that runs it.
    pub server: String,
    /// True for a command.
    pub command: bool,
    /// Where it runs, where that is known.
    pub sandbox: Option<SandboxId>,
    /// The interpreter that runs it, where there is one.
    pub context: Option<ContextId>,
    /// The language.
    pub language: Language,
    /// The code, or the command as a line.
    pub code: String,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The execution.
    pub id: ExecutionId,
    /// `code` or `command`.
    pub kind: String,
    /// Where it ran.
    pub sandbox: Option<SandboxId>,
    /// The interpreter that ran it.
    pub context: Option<ContextId>,
    /// The language.
    pub language: Language,
    /// When it began: UTC, ISO 8601 with milliseconds.
    pub started_at: String,
    /// When it ended, likewise.
    pub ended_at: Option<String>,
    /// The end in one word, where there is one.
    pub status: Option<Status>,
    /// As in the outcome.
    pub exit_code: Option<i32>,
    /// Wall time in milliseconds.
    pub wall_ms: Option<f64>,
}

/// One of them with everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunEntry {
    /// What the list says.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// The code, or the command as a line.
    pub code: String,
    /// How it ended; absent until then, and where its server was gone before.
    pub outcome: Option<Outcome>,
}

const SUMMARY: &str =
    "id, kind, sandbox, context, language, started_at, ended_at, status, exit_code, wall_ms";

impl Journal {
    /// Something begins.
    pub async fn run_begins(&self, begin: &RunBegin) -> Result<(), JournalError> {
        let query = sqlx::query(
            "INSERT OR IGNORE INTO runs (id, caller, server, kind, sandbox, context, language, code) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let code = &begin.code[..begin.code.floor_char_boundary(CODE_BYTES_MAX)];
        let query = query.bind(begin.id.as_str()).bind(&begin.caller).bind(&begin.server);
        let query = query.bind(if begin.command { "command" } else { "code" });
        let query = query.bind(begin.sandbox.as_ref().map(SandboxId::as_str));
        let query = query.bind(begin.context.as_ref().map(ContextId::as_str));
        let query = query.bind(begin.language.name()).bind(code);
        query.execute(&self.pool).await.map(drop).map_err(|error| self.error(error))
    }

    /// It has ended.
    pub async fn run_ends(&self, outcome: &Outcome) -> Result<(), JournalError> {
        let status = row(&outcome.id, serde_json::to_value(outcome.status))?;
        let query = sqlx::query(
            "UPDATE runs SET ended_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), status = ?, exit_code = ?, wall_ms = ?, \
             outcome = ? WHERE id = ?",
        );
        let query = query.bind(status.as_str()).bind(outcome.exit_code).bind(outcome.usage.wall_ms);
        let query = query.bind(row(&outcome.id, bounded::json(outcome, OUTCOME_BYTES_MAX))?);
        let done = query.bind(outcome.id.as_str()).execute(&self.pool).await;
        done.map(drop).map_err(|error| self.error(error))
    }

    /// Servers that have begun something and not ended it.
    pub async fn servers_with_runs(&self) -> Result<Vec<String>, JournalError> {
        let query = sqlx::query("SELECT DISTINCT server FROM runs WHERE ended_at IS NULL");
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.error(error))?;
        rows.iter().map(|row| row.try_get(0).map_err(|error| self.error(error))).collect()
    }

    /// A server is gone: what it had begun is lost. Gives back how much that was.
    pub async fn server_is_gone(&self, server: &str) -> Result<u64, JournalError> {
        let query = sqlx::query(
            "UPDATE runs SET ended_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), status = 'lost', exit_code = 137 \
             WHERE server = ? AND ended_at IS NULL",
        );
        let done = query.bind(server).execute(&self.pool).await.map_err(|error| self.error(error))?;
        Ok(done.rows_affected())
    }

    /// The caller's, the newest first; `before` continues after the last one of a page.
    pub async fn runs(
        &self,
        caller: &str,
        limit: u32,
        before: Option<&ExecutionId>,
    ) -> Result<Vec<RunSummary>, JournalError> {
        let below: i64 = match before {
            Some(id) => {
                let row = self.run_row(caller, id).await?;
                row.try_get("seq").map_err(|error| self.error(error))?
            }
            None => i64::MAX,
        };
        let text =
            format!("SELECT {SUMMARY} FROM runs WHERE caller = ? AND seq < ? ORDER BY seq DESC LIMIT ?");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(caller).bind(below).bind(limit);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.error(error))?;
        rows.iter().map(|row| self.run_summary(row)).collect()
    }

    /// One of the caller's with everything.
    pub async fn run(&self, caller: &str, id: &ExecutionId) -> Result<RunEntry, JournalError> {
        let found = self.run_row(caller, id).await?;
        let outcome: Option<&str> = found.try_get("outcome").map_err(|error| self.error(error))?;
        Ok(RunEntry {
            summary: self.run_summary(&found)?,
            code: found.try_get("code").map_err(|error| self.error(error))?,
            outcome: outcome.map(|text| row(id, serde_json::from_str(text))).transpose()?,
        })
    }

    /// Removes all but the newest `keep_at_most` of all callers together; gives back how many.
    pub async fn prune_runs(&self, keep_at_most: u32) -> Result<u64, JournalError> {
        let query = sqlx::query(
            "DELETE FROM runs WHERE ended_at IS NOT NULL AND \
             seq <= (SELECT seq FROM runs ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        );
        let done = query.bind(keep_at_most).execute(&self.pool).await.map_err(|error| self.error(error))?;
        Ok(done.rows_affected())
    }

    async fn run_row(&self, caller: &str, id: &ExecutionId) -> Result<SqliteRow, JournalError> {
        let query =
            sqlx::query("SELECT * FROM runs WHERE caller = ? AND id = ?").bind(caller).bind(id.as_str());
        let found = query.fetch_optional(&self.pool).await.map_err(|error| self.error(error))?;
        found.ok_or_else(|| JournalError::Unknown(id.to_string()))
    }

    fn run_summary(&self, row: &SqliteRow) -> Result<RunSummary, JournalError> {
        Ok(RunSummary {
            id: self.word(row, "id")?,
            kind: self.get(row, "kind")?,
            sandbox: self.maybe_word(row, "sandbox")?,
            context: self.maybe_word(row, "context")?,
            language: self.word(row, "language")?,
            started_at: self.get(row, "started_at")?,
            ended_at: self.get(row, "ended_at")?,
            status: self.maybe_word(row, "status")?,
            exit_code: self.get(row, "exit_code")?,
            wall_ms: self.get(row, "wall_ms")?,
        })
    }
}
