//! The answer of what is not there.

use crate::e2b::refusal::Refusal;

/// Says what is missing.
pub async fn answer(what: &'static str) -> Refusal {
    Refusal::missing(what)
}
