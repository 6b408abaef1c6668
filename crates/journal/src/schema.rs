//! The tables, and how an older file gets the ones that it lacks.
//!
//! By hand and not by sqlx's migrator: that one has no lock for SQLite, and two processes may open a new file at once.

use crate::JournalError;
use sqlx::{Row, SqlitePool};
use std::path::Path;

/// What makes version N + 1 out of version N. `PRAGMA user_version` in the file tells its version.
const MIGRATIONS: [&str; 2] =
    [include_str!("../migrations/0001_journal.sql"), include_str!("../migrations/0002_runs.sql")];

/// Brings the file to the newest version.
pub async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), JournalError> {
    let known = MIGRATIONS.len() as i64;
    let failed = |error| JournalError::of(path, error);
    let found = version(&mut *pool.acquire().await.map_err(failed)?).await.map_err(failed)?;
    if found < known {
        let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        // Another process may have been faster.
        let found = version(&mut transaction).await.map_err(failed)?;
        for script in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()) {
            sqlx::raw_sql(*script).execute(&mut *transaction).await.map_err(failed)?;
        }
        let mark = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", known.max(found)));
        sqlx::raw_sql(mark).execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    if found > known {
        return Err(JournalError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

async fn version(connection: &mut sqlx::SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA user_version").fetch_one(connection).await?.try_get(0)
}
