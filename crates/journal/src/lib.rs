//! The journal: what was asked, what the model wrote, what the policy said, how it ended; kept in SQLite, without secrets.
