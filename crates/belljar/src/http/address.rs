//! The part of an address that names something. What cannot be read there is a problem like any other.

use super::{problem::Problem, served::Served};
use axum::{
    extract::{FromRequestParts, Path, rejection::PathRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

/// What is named in the path.
pub struct At<T>(pub T);

/// The same where a query has no meaning: one that is there was meant for something else.
pub struct Only<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Served> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<At<T>, Problem> {
        let named = Path::<T>::from_request_parts(parts, served).await;
        named.map(|Path(named)| At(named)).map_err(|error| unreadable(&error))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Served> for Only<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Only<T>, Problem> {
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            let what = "read this query: this address takes none";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "query", what));
        }
        At::from_request_parts(parts, served).await.map(|At(named)| Only(named))
    }
}

fn unreadable(error: &PathRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "address", format!("read this address: {}", error.body_text()))
}
