//! The description of this interface, which `/openapi.json` serves and `/docs` shows.

use super::{
    answers, checkpoints, commands, contexts, described::Everywhere, executions, files, health, journal,
    metrics, sandboxes,
};
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::LazyLock;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Belljar",
        description = "Runs code behind walls and hands back what happened. Code that fails is a 200 with its status; 4xx are the caller's, 5xx ours.",
    ),
    paths(
        answers::create, answers::interpret,
        executions::create, executions::get, executions::delete,
        sandboxes::create, sandboxes::index, sandboxes::get, sandboxes::change, sandboxes::delete, sandboxes::pause, sandboxes::resume, sandboxes::metrics,
        contexts::create, contexts::index, contexts::show, contexts::delete, contexts::restart, contexts::fork, contexts::interrupt, contexts::execute,
        checkpoints::create, checkpoints::index, checkpoints::delete, checkpoints::rollback, checkpoints::undo,
        commands::create, commands::index, commands::get, commands::delete, commands::write, commands::signal,
        files::read, files::write, files::act, files::delete,
        journal::executions, journal::execution, journal::answers, journal::answer,
        health::alive, health::ready, metrics::read,
    ),
    components(schemas(protocol::Event, protocol::AgentEvent)),
    security((), ("bearer" = []), ("key" = [])),
    modifiers(&Keys, &Everywhere),
)]
struct Description;

struct Keys;

impl Modify for Keys {
    fn modify(&self, described: &mut utoipa::openapi::OpenApi) {
        let components = described.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("bearer", bearer);
        components.add_security_scheme(
            "key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))),
        );
    }
}

/// The description.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// With the names that the registry of formats has for unsigned integers: `uint64`, where utoipa writes `u-int64`.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let text = description().to_pretty_json().unwrap_or_default();
    text.replace("\"format\": \"u-int", "\"format\": \"uint")
});

/// Serves it.
pub async fn json() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_the_one_in_the_docs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/openapi.json");
        let text = format!("{}\n", TEXT.as_str());
        if std::env::var_os("BELLJAR_WRITE_GOLDEN").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            golden == text,
            "the interface changed: look at it, then run this test with BELLJAR_WRITE_GOLDEN=1"
        );
    }
}
