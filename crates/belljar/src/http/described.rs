//! What all operations of the description have in common: names that occur once, headers that are there or absent, and
//! the statuses that a problem can have at each address.

use super::problem::Details;
use axum::http::StatusCode;
use protocol::{CheckpointId, ContextId, ExecutionId, SandboxId};
use utoipa::{
    Modify, PartialSchema,
    openapi::{
        Content, Header, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
        path::{Operation, Parameter, ParameterIn, PathItem},
        request_body::RequestBody,
        schema::{SchemaType, Type},
    },
};

/// The longest idempotency key.
const ONCE_CHARS_MAX: usize = 255;
/// Ids, and what they begin with.
const IDS: [(&str, &str); 4] = [
    ("SandboxId", SandboxId::PREFIX),
    ("ContextId", ContextId::PREFIX),
    ("CheckpointId", CheckpointId::PREFIX),
    ("ExecutionId", ExecutionId::PREFIX),
];
/// Bodies of which nothing must be there.
const OPTIONAL: [&str; 4] = ["/SandboxBody", "/ContextBody", "/ChangeBody", "/ForkBody"];
/// Statuses that a problem can have, and where.
const PROBLEMS: [(u16, Where); 16] = [
    (400, Where::Known),
    (401, Where::Known),
    (403, Where::All),
    (404, Where::Named),
    (408, Where::Fed),
    (409, Where::InSandbox),
    (410, Where::InSandbox),
    (413, Where::Fed),
    (415, Where::FedJson),
    (416, Where::Files),
    (421, Where::All),
    (422, Where::Begun),
    (429, Where::Known),
    (500, Where::All),
    (503, Where::All),
    (507, Where::Files),
];

/// At which addresses a status can come.
#[derive(Clone, Copy)]
enum Where {
    /// At all.
    All,
    /// Where it matters who asks.
    Known,
    /// Where something is named: in the path, as the place to go on from, or by the key that made it.
    Named,
    /// Where something in a sandbox is named.
    InSandbox,
    /// Where files are.
    Files,
    /// Where there is a body.
    Fed,
    /// Where there is a body of JSON.
    FedJson,
    /// Where something begins.
    Begun,
}

/// Adds it.
pub struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, described: &mut OpenApi) {
        for (path, item) in &mut described.paths.paths {
            for operation in operations(item) {
                name(operation);
                operation.request_body.iter_mut().for_each(body);
                operation.parameters.iter_mut().flatten().for_each(header);
                let applying = PROBLEMS.iter().filter(|(_, place)| applies(*place, path, operation));
                for (status, _) in applying.collect::<Vec<_>>() {
                    let response = Ref::new(format!("#/components/responses/{}", response_name(*status)));
                    operation.responses.responses.insert(status.to_string(), RefOr::Ref(response));
                }
            }
        }
        let components = described.components.get_or_insert_default();
        for (name, prefix) in IDS {
            if let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get_mut(name) {
                schema.pattern = Some(format!("^{prefix}[0-9a-f]{{32}}$"));
            }
        }
        components.schemas.insert("Problem".to_owned(), Details::schema());
        for (status, _) in PROBLEMS {
            components.responses.insert(response_name(status), RefOr::T(problem(status)));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// `get` of sandboxes and `get` of commands are two things.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    if let Some(id) = &mut operation.operation_id {
        *id = format!("{tag}_{id}");
    }
}

/// A body may be absent where an empty one means something: JSON without a property that must be there, or bytes.
fn body(body: &mut RefOr<RequestBody>) {
    let RefOr::T(body) = body else { return };
    let schema = |content: &RefOr<Content>| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => Some(schema.ref_location.clone()),
        _ => None,
    };
    let optional = |name: String| OPTIONAL.iter().any(|optional| name.ends_with(optional));
    let whole = body.content.contains_key("application/octet-stream");
    if whole || body.content.values().filter_map(schema).any(optional) {
        body.required = Some(Required::False);
    }
}

/// A header cannot be `null`.
fn header(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    let (ParameterIn::Header, Some(RefOr::T(Schema::Object(schema)))) =
        (&parameter.parameter_in, &mut parameter.schema)
    else {
        return;
    };
    if let SchemaType::Array(types) = &schema.schema_type
        && let Some(kind) = types.iter().find(|kind| **kind != Type::Null)
    {
        schema.schema_type = SchemaType::Type(kind.clone());
    }
    if parameter.name == "Idempotency-Key" {
        (schema.min_length, schema.max_length) = (Some(1), Some(ONCE_CHARS_MAX));
    }
}

fn applies(place: Where, path: &str, operation: &Operation) -> bool {
    let parameters = || {
        operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
    };
    let body = match &operation.request_body {
        Some(RefOr::T(body)) => Some(body),
        _ => None,
    };
    match place {
        Where::All => true,
        Where::Known => path.starts_with("/v1/") || ["/metrics", "/interpret"].contains(&path),
        Where::Named => {
            let names = ["cursor", "Idempotency-Key"];
            let continued = path == "/v1/answers";
            continued
                || path.contains('{')
                || parameters().any(|parameter| names.contains(&parameter.name.as_str()))
        }
        Where::InSandbox => path.contains("{sandbox}") || path == "/v1/answers",
        Where::Files => path.contains("/files"),
        Where::Fed => body.is_some(),
        Where::FedJson => body.is_some_and(|body| body.content.contains_key("application/json")),
        Where::Begun => body.is_some() && !path.contains("/files"),
    }
}

fn response_name(status: u16) -> String {
    let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    words.unwrap_or("Problem").replace(' ', "")
}

fn problem(status: u16) -> Response {
    let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let builder = ResponseBuilder::new()
        .description(words.unwrap_or("Problem"))
        .content("application/problem+json", content);
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    match status {
        429 | 503 => {
            let mut wait = Header::new(seconds);
            wait.description =
                Some("Seconds after which another try may succeed, where that is known".into());
            builder.header("Retry-After", wait).build()
        }
        _ => builder.build(),
    }
}

#[cfg(test)]
mod tests {
    use crate::http::openapi::description;
    use std::collections::BTreeSet;

    #[test]
    fn names_occur_once_and_problems_are_named() {
        let described = serde_json::to_value(description()).unwrap();
        let mut names = BTreeSet::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} occurs twice");
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.contains_key("421") && responses.contains_key("503"), "{method} {path}");
            }
        }
        assert!(names.contains("sandboxes_get") && names.contains("commands_get"));
        let responses = &described["components"]["responses"];
        assert!(responses["TooManyRequests"]["headers"]["Retry-After"].is_object(), "{responses}");
    }
}
