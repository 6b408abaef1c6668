//! The visitor's sandboxes, a page at a time, the newest first.

use super::views::{Listed, started, state};
use crate::{
    e2b::{place::to_public, refusal::Refusal, room::Room},
    http::Served,
};
use axum::{
    Extension, Json,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue},
};
use chrono::{DateTime, Utc};
use desk::{Kept, Visitor};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

const NEXT: &str = "x-next-token";
const PAGE: usize = 100;

/// Which of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    metadata: Option<String>,
    state: Option<String>,
    order: Option<String>,
    started_after: Option<String>,
    template: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

/// Lists them.
pub async fn list(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<(HeaderMap, Json<Vec<Listed>>), Refusal> {
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(Refusal::request(format!("limit is 1 to {PAGE}")));
    }
    let notes = asked.metadata.as_deref().map(notes).unwrap_or_default();
    let all = served.desk.list_sandboxes(&visitor, &notes, None, served.desk.settings().sandboxes_max).items;
    let mut all: Vec<(Arc<Kept>, Arc<Room>)> =
        all.into_iter().filter_map(|kept| Some((kept.clone(), kept.of_edge::<Room>()?))).collect();
    let after = asked.started_after.as_deref().map(moment).transpose()?;
    all.retain(|(kept, room)| {
        let states =
            asked.state.as_deref().is_none_or(|states| states.split(',').any(|one| one == state(kept)));
        let template = asked.template.as_ref().is_none_or(|template| *template == room.template);
        states && template && after.is_none_or(|after| started(kept) >= after)
    });
    let place = |kept: &Kept| (started(kept), to_public(kept.id()).to_owned());
    all.sort_by_cached_key(|(kept, _)| place(kept));
    let ascends = asked.order.as_deref() == Some("asc");
    if !ascends {
        all.reverse();
    }
    if let Some(token) = asked.next_token.as_deref().filter(|token| !token.is_empty()) {
        let last = cursor(token).ok_or_else(|| Refusal::request("nextToken is none of ours"))?;
        all.retain(|(kept, _)| if ascends { place(kept) > last } else { place(kept) < last });
    }
    let mut headers = HeaderMap::new();
    if all.len() > limit {
        let (at, id) = place(&all[limit - 1].0);
        let token = format!("{}-{id}", at.timestamp_micros());
        headers.extend(HeaderValue::from_str(&token).map(|value| (NEXT.parse().ok(), value)).ok());
    }
    all.truncate(limit);
    Ok((headers, Json(all.iter().map(|(kept, room)| Listed::of(kept, room)).collect())))
}

fn moment(text: &str) -> Result<DateTime<Utc>, Refusal> {
    let read = DateTime::parse_from_rfc3339(&text.replace(' ', "+"));
    Ok(read.map_err(|_| Refusal::request("startedAfter is no moment as in RFC 3339"))?.to_utc())
}

fn cursor(token: &str) -> Option<(DateTime<Utc>, String)> {
    let (micros, id) = token.split_once('-')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.to_owned()))
}

/// Pairs that were encoded as a form, and each part of them once more.
fn notes(text: &str) -> BTreeMap<String, String> {
    let twice = |part: &str| {
        let once = percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        percent_decode_str(&once).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (twice(name), twice(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_decoded_as_often_as_the_sdks_encode_it() {
        // What is left after the query itself was decoded.
        let rows = [
            ("k=v%2520x%252F%25C3%25BC%2526%253D", ("k", "v x/ü&=")),
            ("user=alice", ("user", "alice")),
            ("a%2520b=", ("a b", "")),
        ];
        for (text, (name, value)) in rows {
            assert_eq!(notes(text), BTreeMap::from([(name.to_owned(), value.to_owned())]), "{text}");
        }
        assert_eq!(notes("a=1&b=2").len(), 2);
    }
}
