//! The control plane: sandboxes made, found, changed and ended. What E2B has and Belljar does not answers 501.

mod access;
mod create;
mod listing;
mod metrics;
mod missing;
mod network;
mod sandboxes;
mod templates;
mod views;

use crate::{e2b::refusal::Refusal, http::Served};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{any, delete, get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

/// What these addresses take.
const BODY_BYTES_MAX: usize = 1 << 20;

/// All of it.
pub fn routes(served: &Served) -> Router<Served> {
    let one = "/sandboxes/{sandbox}";
    let at = |rest: &str| format!("{one}{rest}");
    Router::new()
        .route("/sandboxes", post(create::create).get(listing::list))
        .route("/v2/sandboxes", post(create::create).get(listing::list))
        .route(one, get(sandboxes::get).delete(sandboxes::delete))
        .route(&at("/connect"), post(sandboxes::connect))
        .route(&at("/resume"), post(sandboxes::connect))
        .route("/v2/sandboxes/{sandbox}/connect", post(sandboxes::connect))
        .route(&at("/pause"), post(sandboxes::pause))
        .route(&at("/timeout"), post(sandboxes::timeout))
        .route(&at("/refreshes"), post(sandboxes::refresh))
        .route(&at("/metrics"), get(metrics::read))
        .route(&at("/logs"), get(metrics::logs))
        .route("/v2/sandboxes/{sandbox}/logs", get(metrics::logs_v2))
        .route(&at("/network"), put(network::update))
        .route("/templates/aliases/{alias}", get(templates::exists))
        .route("/templates/{template}", delete(templates::delete))
        .route("/snapshots", get(templates::snapshots))
        .merge(absent(one))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(served.clone(), access::recognise))
        .layer(CatchPanicLayer::custom(Refusal::of_panic))
}

/// What is not there says so: a 404 would look like a sandbox that is gone.
fn absent(one: &str) -> Router<Served> {
    let mut router = Router::new();
    for (path, what) in [
        (format!("{one}/snapshots"), "snapshots of sandboxes"),
        (format!("{one}/fork"), "forks of sandboxes"),
        ("/templates".to_owned(), "building of templates"),
        ("/v2/templates".to_owned(), "building of templates"),
        ("/v3/templates".to_owned(), "building of templates"),
        ("/templates/tags".to_owned(), "tags of templates"),
        ("/templates/{template}/tags".to_owned(), "tags of templates"),
        ("/templates/{template}/files/{hash}".to_owned(), "building of templates"),
        ("/templates/{template}/builds/{build}/status".to_owned(), "building of templates"),
        ("/v2/templates/{template}/builds/{build}".to_owned(), "building of templates"),
        ("/volumes".to_owned(), "volumes"),
        ("/volumes/{volume}".to_owned(), "volumes"),
        ("/volumecontent/{*rest}".to_owned(), "volumes"),
        ("/secrets".to_owned(), "secrets"),
        ("/secrets/{secret}".to_owned(), "secrets"),
    ] {
        router = router.route(&path, any(move || missing::answer(what)));
    }
    router
}
