//! Who may come in: whoever knows the sandbox's secret. As which of its users, is another question.

use crate::e2b::{
    front::refused,
    place::Place,
    refusal::Refusal,
    rpc::{Code, RpcError},
};
use axum::{
    extract::Request,
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};

const STRANGER: &str =
    "unauthorized access, please provide a valid access token or method signing if supported";
/// The header with the secret.
pub const TOKEN: &str = "x-access-token";

/// Users of a sandbox. Both are the same to its walls: nobody is more than the sandbox's one user there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// The ordinary one.
    Ordinary,
    /// Root, by name alone.
    Root,
}

impl User {
    /// The user of that name.
    pub fn of(name: &str) -> Option<User> {
        match name {
            "" | "user" => Some(User::Ordinary),
            "root" => Some(User::Root),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            User::Ordinary => "user",
            User::Root => "root",
        }
    }

    /// The user whom a call names, or the ordinary one.
    pub fn of_call(headers: &HeaderMap) -> Result<User, RpcError> {
        let Some(given) = headers.get(header::AUTHORIZATION) else { return Ok(User::Ordinary) };
        let text = given.to_str().ok().and_then(|text| text.strip_prefix("Basic "));
        let bytes = text.and_then(|text| STANDARD.decode(text.trim()).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let name = text.split(':').next().unwrap_or_default();
        let unknown = || RpcError::new(Code::Unauthenticated, format!("invalid username: '{name}'"));
        User::of(name).ok_or_else(unknown)
    }
}

/// Turns away whoever does not know the secret.
pub async fn check(request: Request, next: Next) -> Response {
    let place = request.extensions().get::<Place>();
    let token = request.headers().get(TOKEN).map(|token| token.as_bytes());
    match place.zip(token).is_some_and(|(place, token)| place.room.knows_access(token)) {
        true => next.run(request).await,
        false => refused(request, Refusal::stranger(STRANGER)).await,
    }
}
