//! Figures about the whole server, and the count of requests among them.

use super::{problem::Problem, served::Served};
use axum::{
    Extension,
    extract::{MatchedPath, Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use desk::{Answered, Scope, Visitor};
use std::time::Instant;

/// What Prometheus expects of this text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Requests whose address is none of ours; they may name anything.
const NO_ROUTE: &str = "none";

/// Figures about the whole server, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses(
        (status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
    )
)]
pub async fn read(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    visitor.check(Scope::Metrics)?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], served.desk.scrape()).into_response())
}

/// Counts a request that reached an address.
pub async fn count(State(served): State<Served>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    };
    served.desk.metrics().answered(Answered {
        method,
        route: route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str),
        status: response.status().as_u16(),
        took: began.elapsed(),
    });
    response
}
