//! Signed addresses of files: whoever has one may read or write that one path, without knowing the secret.

use super::access::{TOKEN, User};
use crate::{
    e2b::{
        place::{Place, to_public},
        refusal::Refusal,
        room::Room,
    },
    http::doors::Hangup,
};
use axum::{
    extract::{Query, Request},
    http::{HeaderMap, Method, Uri},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chrono::Utc;
use desk::Desk;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The query of an address of a file.
#[derive(Debug, Default, Deserialize)]
pub struct Address {
    /// Where, as the client wrote it.
    pub path: Option<String>,
    /// As whom.
    pub username: Option<String>,
    signature: Option<String>,
    signature_expiration: Option<i64>,
}

impl Address {
    /// Reads it.
    pub fn of(uri: &Uri) -> Result<Address, Refusal> {
        let read = Query::<Address>::try_from_uri(uri);
        read.map(|Query(address)| address).map_err(|error| Refusal::request(error.body_text()))
    }

    fn text(&self, operation: &str, secret: &str) -> String {
        let path = self.path.as_deref().unwrap_or_default();
        let user = self.username.as_deref().unwrap_or_default();
        match self.signature_expiration {
            None => format!("{path}:{operation}:{user}:{secret}"),
            Some(at) => format!("{path}:{operation}:{user}:{secret}:{at}"),
        }
    }

    /// Whether the secret of this sandbox made its signature.
    fn is_signed_for(&self, method: &Method, room: &Room) -> bool {
        let operation = if *method == Method::POST { "write" } else { "read" };
        let digest = Sha256::digest(self.text(operation, room.access_token()));
        let expected = format!("v1_{}", STANDARD_NO_PAD.encode(digest));
        // A plus sign in a query is a blank where nobody encoded it.
        let given = self.signature.as_deref().unwrap_or_default().replace(' ', "+");
        expected.len() == given.len() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
    }

    /// Whether whoever sends this may: by the secret, or by a signature that holds still.
    pub fn check(&self, method: &Method, headers: &HeaderMap, room: &Room) -> Result<(), Refusal> {
        if let Some(token) = headers.get(TOKEN) {
            return match room.knows_access(token.as_bytes()) {
                true => Ok(()),
                false => Err(Refusal::stranger("access token present in header but does not match")),
            };
        }
        match () {
            () if self.signature.is_none() => Err(Refusal::stranger("missing signature query parameter")),
            () if !self.is_signed_for(method, room) => Err(Refusal::stranger("invalid signature")),
            () if self.signature_expiration.is_some_and(|at| at < Utc::now().timestamp()) => {
                Err(Refusal::stranger("signature is already expired"))
            }
            () => Ok(()),
        }
    }

    /// As whom.
    pub fn user(&self) -> Result<User, Refusal> {
        let name = self.username.as_deref().unwrap_or_default();
        let unknown =
            || Refusal::stranger(format!("error looking up user '{name}': user: unknown user {name}"));
        User::of(name).ok_or_else(unknown)
    }
}

/// Whether a request without a sandbox is for a file whose address was signed.
pub fn is_signed(request: &Request) -> bool {
    let uri = request.uri();
    uri.path() == "/files" && uri.query().is_some_and(|query| query.contains("signature="))
}

/// The sandbox whose secret signed the address: it is not named otherwise.
pub fn place_of_signed(desk: &Desk, request: &Request, hangup: &Hangup) -> Result<Place, Refusal> {
    let address = Address::of(request.uri())?;
    for kept in desk.sandboxes_of_anybody() {
        let Some(room) = kept.of_edge::<Room>().filter(|_| !kept.is_paused()) else { continue };
        if address.is_signed_for(request.method(), &room) {
            tracing::debug!(sandbox = to_public(kept.id()), "a signed address");
            return Ok(Place { kept, room, hangup: hangup.clone() });
        }
    }
    Err(Refusal::stranger("invalid signature"))
}
