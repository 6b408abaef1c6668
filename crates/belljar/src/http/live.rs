//! How an execution is told: as it happens, or once it has ended. Whoever goes away ends what it began plainly.

use super::{headers::Wishes, views::RunView};
use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response, Sse, sse},
};
use desk::{Events, Run};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use std::{convert::Infallible, sync::Arc, time::Duration};

/// The execution, in every answer about one.
const EXECUTION_ID: HeaderName = HeaderName::from_static("x-execution-id");
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Interrupts an execution when it is dropped before it was told to the end.
struct Plain {
    run: Arc<Run>,
    told: bool,
}

impl Drop for Plain {
    fn drop(&mut self) {
        if !self.told {
            self.run.interrupt();
        }
    }
}

/// Answers with an execution that was begun just now. A detached one goes on when its client goes away.
pub async fn begun(run: Arc<Run>, wishes: &Wishes, detached: bool) -> Response {
    // Who named the request may come back for what became of it.
    let plain = !detached && wishes.once.is_none();
    if wishes.live {
        return live(run, wishes, plain);
    }
    let mut response = match detached {
        true => (StatusCode::ACCEPTED, Json(RunView::from(&*run))).into_response(),
        false => {
            let mut guard = Plain { run: run.clone(), told: !plain };
            let outcome = run.end().await;
            guard.told = true;
            Json(outcome).into_response()
        }
    };
    name(&run, &mut response);
    response
}

/// Answers with an execution that is there.
pub fn found(run: Arc<Run>, wishes: &Wishes) -> Response {
    if wishes.live {
        return live(run, wishes, false);
    }
    let mut response = Json(RunView::from(&*run)).into_response();
    name(&run, &mut response);
    response
}

struct Telling {
    events: Events,
    plain: Option<Plain>,
}

fn live(run: Arc<Run>, wishes: &Wishes, plain: bool) -> Response {
    let plain = plain.then(|| Plain { run: run.clone(), told: false });
    let telling = Telling { events: run.events(wishes.after), plain };
    let events = stream::unfold(telling, |mut telling| async move {
        let Some(event) = telling.events.next().await else {
            if let Some(plain) = &mut telling.plain {
                plain.told = true;
            }
            return None;
        };
        Some((encoded(event.seq, &event), telling))
    });
    let mut response = told(events);
    name(&run, &mut response);
    response
}

/// An event with its number, called by its `type`.
pub fn encoded(seq: u64, event: &impl Serialize) -> sse::Event {
    let json = serde_json::to_value(event).unwrap_or_default();
    let kind = json["type"].as_str().unwrap_or_default().to_owned();
    sse::Event::default().id(seq.to_string()).event(kind).data(json.to_string())
}

/// Events as they come.
pub fn told(events: impl Stream<Item = sse::Event> + Send + 'static) -> Response {
    let alive = sse::KeepAlive::new().interval(ALIVE_EVERY);
    let mut response = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(alive).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Says which execution it is, and where it can be asked for.
fn name(run: &Run, response: &mut Response) {
    let place = format!("/v1/executions/{}", run.id);
    let headers = response.headers_mut();
    for (name, value) in [(EXECUTION_ID, run.id.as_str()), (header::LOCATION, place.as_str())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}
