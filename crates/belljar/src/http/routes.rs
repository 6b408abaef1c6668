//! Which address leads to which function, and what every request passes on its way there.

use super::{
    answers, callers, checkpoints, commands, contexts, docs, executions, files, gate, health, journal, mcp,
    metrics, openapi, problem::Problem, request_id, sandboxes, served::Served, upload,
};
use crate::e2b::{self, Front};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state, map_request},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

/// All of it.
pub fn router(served: Served) -> Router {
    let known = Router::new()
        .merge(executing())
        .merge(reading())
        .route("/mcp", get(mcp::answer).post(mcp::answer).delete(mcp::answer))
        .layer(from_fn_with_state(served.clone(), callers::recognise));
    let open = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(docs::page));
    Router::new()
        .merge(known)
        .merge(open)
        .merge(e2b::routes(&served))
        .fallback(async || {
            Problem::not_found("find anything at this address").hint("/docs lists what there is")
        })
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "do this at this address")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(served.clone(), gate::check))
        .layer(from_fn_with_state(Front::new(served.clone()), e2b::divert))
        .layer(from_fn_with_state(served.clone(), metrics::count))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(request_id::name))
        .with_state(served)
}

fn executing() -> Router<Served> {
    let sandbox = "/v1/sandboxes/{sandbox}";
    let at = |rest: &str| format!("{sandbox}{rest}");
    Router::new()
        .route("/v1/executions", post(executions::create))
        .route("/v1/executions/{id}", get(executions::get).delete(executions::delete))
        .route("/v1/answers", post(answers::create))
        .route("/interpret", post(answers::interpret))
        .route("/v1/sandboxes", post(sandboxes::create).get(sandboxes::index))
        .route(sandbox, get(sandboxes::get).patch(sandboxes::change).delete(sandboxes::delete))
        .route(&at("/pause"), post(sandboxes::pause))
        .route(&at("/resume"), post(sandboxes::resume))
        .route(&at("/metrics"), get(sandboxes::metrics))
        .route(&at("/contexts"), post(contexts::create).get(contexts::index))
        .route(&at("/contexts/{context}"), get(contexts::show).delete(contexts::delete))
        .route(&at("/contexts/{context}/restart"), post(contexts::restart))
        .route(&at("/contexts/{context}/fork"), post(contexts::fork))
        .route(&at("/contexts/{context}/checkpoints"), post(checkpoints::create).get(checkpoints::index))
        .route(&at("/contexts/{context}/checkpoints/{checkpoint}"), delete(checkpoints::delete))
        .route(&at("/contexts/{context}/rollback"), post(checkpoints::rollback))
        .route(&at("/contexts/{context}/undo"), post(checkpoints::undo))
        .route(&at("/contexts/{context}/interrupt"), post(contexts::interrupt))
        .route(&at("/contexts/{context}/executions"), post(contexts::execute))
        .route(&at("/commands"), post(commands::create).get(commands::index))
        .route(&at("/commands/{command}"), get(commands::get).delete(commands::delete))
        .route(&at("/commands/{command}/stdin"), post(commands::write))
        .route(&at("/commands/{command}/signal"), post(commands::signal))
        .merge(filing())
}

fn filing() -> Router<Served> {
    let methods = || get(files::read).put(files::write).post(files::act).delete(files::delete);
    let timed = map_request(async |request: axum::extract::Request| request.map(upload::timed));
    Router::new()
        .route("/v1/sandboxes/{sandbox}/files", methods())
        .route("/v1/sandboxes/{sandbox}/files/", methods())
        .route("/v1/sandboxes/{sandbox}/files/{*path}", methods())
        .layer(timed)
}

fn reading() -> Router<Served> {
    Router::new()
        .route("/metrics", get(metrics::read))
        .route("/v1/journal/executions", get(journal::executions))
        .route("/v1/journal/executions/{id}", get(journal::execution))
        .route("/v1/journal/answers", get(journal::answers))
        .route("/v1/journal/answers/{id}", get(journal::answer))
}

/// A mistake of ours. What it was is in the log only.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request ended in a panic: {}", said(&*panic));
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "answer: this is a mistake of the server's")
        .into_response()
}

/// What a panic said.
pub fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}
