//! The sandbox that a request is for, and how ids look to the SDKs: without our prefix, because they become host names.

use super::{refusal::Refusal, room::Room};
use crate::http::doors::Hangup;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use desk::{Desk, Kept};
use protocol::SandboxId;
use serde_json::json;
use std::{io, sync::Arc, time::Duration};

/// How long a sandbox lives at least that goes on because somebody used it.
const RESUMED_FOR: Duration = Duration::from_secs(300);

/// A sandbox, with what this edge knows about it.
#[derive(Clone)]
pub struct Place {
    /// The sandbox.
    pub kept: Arc<Kept>,
    /// What this edge knows.
    pub room: Arc<Room>,
    /// The connection of the request.
    pub hangup: Hangup,
}

impl Place {
    /// Finds it by the id that clients know. One that is paused goes on where it was made so, and is not there otherwise.
    pub async fn find(desk: &Desk, id: &str, hangup: Hangup) -> Result<Place, Gone> {
        let gone = || Gone::sandbox(id);
        let kept = desk.sandbox_of_anybody(&from_public(id).ok_or_else(gone)?).map_err(|_| gone())?;
        let room = kept.of_edge::<Room>().ok_or_else(gone)?;
        if kept.is_paused() {
            let resumed = room.resumes && kept.resume(room.timeout.max(RESUMED_FOR)).await.is_ok();
            return if resumed { Ok(Place { kept, room, hangup }) } else { Err(gone()) };
        }
        Ok(Place { kept, room, hangup })
    }

    /// The id that clients know.
    pub fn id(&self) -> &str {
        to_public(self.kept.id())
    }

    /// Ends an answer in the middle, so that nobody takes it for the whole: the connection is reset.
    pub fn break_off(&self) -> io::Error {
        self.hangup.ask();
        io::Error::new(io::ErrorKind::ConnectionReset, "the sandbox is gone")
    }
}

/// The id as clients know it.
pub fn to_public(id: &SandboxId) -> &str {
    id.as_str().strip_prefix(SandboxId::PREFIX).unwrap_or(id.as_str())
}

/// Our id of what clients call so.
pub fn from_public(id: &str) -> Option<SandboxId> {
    SandboxId::try_from(format!("{}{id}", SandboxId::PREFIX)).ok()
}

/// What there is of a sandbox for the control plane.
pub fn not_found(id: &str) -> Refusal {
    Refusal::not_found(format!("sandbox {id} was not found"))
}

/// Traffic for a sandbox or a port that is not there. The words are those by which the SDKs know it.
#[derive(Debug, Clone, PartialEq)]
pub struct Gone {
    id: String,
    port: Option<u16>,
}

impl Gone {
    /// There is no such sandbox.
    pub fn sandbox(id: &str) -> Gone {
        Gone { id: id.chars().take(64).collect(), port: None }
    }

    /// The sandbox is there, and nobody listens at this port in it.
    pub fn port(id: &str, port: u16) -> Gone {
        Gone { id: id.to_owned(), port: Some(port) }
    }
}

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        let body = match self.port {
            None => json!({"sandboxId": self.id, "message": "The sandbox was not found", "code": 502}),
            Some(port) => json!({
                "sandboxId": self.id, "message": "The sandbox is running but port is not open", "port": port, "code": 502,
            }),
        };
        (StatusCode::BAD_GATEWAY, axum::Json(body)).into_response()
    }
}
