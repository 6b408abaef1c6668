-- Code and commands that a server ran, whoever asked for them; what the agent ran stands in `executions`.
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    caller TEXT NOT NULL,
    -- The server that ran it: what it did not end is lost when it is gone.
    server TEXT NOT NULL,
    -- `code` or `command`.
    kind TEXT NOT NULL,
    sandbox TEXT,
    context TEXT,
    language TEXT NOT NULL,
    code TEXT NOT NULL,
    -- UTC, in ISO 8601 with milliseconds: sorts as text.
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    ended_at TEXT,
    -- As in `protocol::Outcome`, null until the end; `lost` without an outcome where the server was gone before.
    status TEXT,
    exit_code INTEGER,
    wall_ms REAL,
    outcome TEXT
) STRICT;

CREATE INDEX runs_of_caller ON runs (caller, seq);

CREATE INDEX runs_begun ON runs (server) WHERE ended_at IS NULL;
