-- What was asked, what the model said, what ran. A row is written when a thing begins or ends, so that a crash
-- leaves what there was: an answer without `ended_at` is incomplete.
CREATE TABLE answers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    caller TEXT NOT NULL,
    -- The answer before this one in the same conversation. It may be gone.
    conversation TEXT,
    -- UTC, in ISO 8601 with milliseconds: sorts as text.
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    ended_at TEXT,
    prompt TEXT NOT NULL,
    model TEXT NOT NULL,
    -- From here on: as in `protocol::Answer`, null until the end.
    status TEXT,
    answer TEXT,
    error TEXT,
    code_attempts INTEGER,
    usage TEXT,
    cost_usd REAL,
    wall_ms REAL
) STRICT;

CREATE INDEX answers_of_caller ON answers (caller, seq);

CREATE TABLE turns (
    answer INTEGER NOT NULL REFERENCES answers (seq) ON DELETE CASCADE,
    turn INTEGER NOT NULL,
    -- A `protocol::Turn` as JSON.
    body TEXT NOT NULL,
    PRIMARY KEY (answer, turn)
) STRICT;

CREATE TABLE executions (
    answer INTEGER NOT NULL REFERENCES answers (seq) ON DELETE CASCADE,
    id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    call TEXT NOT NULL,
    language TEXT NOT NULL,
    code TEXT NOT NULL,
    status TEXT NOT NULL,
    -- A `protocol::Outcome` as JSON, with findings and results.
    outcome TEXT NOT NULL,
    PRIMARY KEY (answer, id)
) STRICT;
