//! What tools give, as JSON Schema. That of an outcome is a file of its own; the tests hold it against the type.

use rmcp::model::JsonObject;
use serde_json::{Value, json};
use std::sync::Arc;

/// An `Outcome`.
pub fn outcome() -> Arc<JsonObject> {
    let schema = serde_json::from_str(include_str!("outcome.schema.json"));
    Arc::new(schema.expect("the tests have read it"))
}

/// What `create_sandbox` gives.
pub fn created() -> Arc<JsonObject> {
    record(
        json!({
            "sandbox": id("Pass it to other tools."),
            "ttl_seconds": { "type": "integer", "description": "Seconds after the last use until it is destroyed." },
            "template": nullable("string", "What is installed."),
            "limits": { "type": "object", "description": "What the sandbox and each run in it may use." },
            "isolation": { "type": "object", "description": "The walls around it." },
        }),
        &["sandbox", "ttl_seconds", "limits", "isolation"],
    )
}

/// What `close_sandbox` gives.
pub fn closed() -> Arc<JsonObject> {
    let properties =
        json!({ "sandbox": id("The sandbox."), "closed": { "type": "boolean", "description": "True." } });
    record(properties, &["sandbox", "closed"])
}

/// What `list_files` gives.
pub fn listed() -> Arc<JsonObject> {
    let entry = json!({
        "type": "object",
        "properties": {
            "path": { "type": "string", "description": "Below the directory that was listed." },
            "kind": { "type": "string", "enum": ["file", "directory", "symlink", "other"] },
            "size": { "type": "integer", "description": "Bytes." },
            "modified_ms": { "type": "integer", "description": "Last change, in milliseconds since 1970." },
        },
        "required": ["path", "kind", "size", "modified_ms"],
        "additionalProperties": false,
    });
    record(
        json!({
            "path": { "type": "string", "description": "The directory." },
            "entries": { "type": "array", "items": entry },
            "left_out": { "type": "integer", "description": "Entries that are not listed." },
        }),
        &["path", "entries", "left_out"],
    )
}

/// What `write_file` gives.
pub fn written() -> Arc<JsonObject> {
    record(
        json!({
            "path": { "type": "string" },
            "size": { "type": "integer", "description": "Bytes." },
            "uri": { "type": "string", "description": "The file as a resource." },
        }),
        &["path", "size", "uri"],
    )
}

/// What `ask` gives: an `Answer` without its turns and executions.
pub fn answer() -> Arc<JsonObject> {
    record(
        json!({
            "id": { "type": "string", "description": "The answer, as the journal knows it." },
            "status": { "type": "string", "description": "ok, or degraded where attempts or turns had run out; else why there is no answer." },
            "answer": { "type": "string", "description": "Markdown." },
            "model": { "type": "string" },
            "error": nullable("object", "Why there is no answer: code, message and hint."),
            "code_attempts": { "type": "integer" },
            "usage": { "type": "object", "description": "Tokens." },
            "cost_usd": nullable("number", "Dollars, where the model's prices are known."),
            "wall_ms": { "type": "number" },
            "sandbox": nullable("string", "Where the files are."),
            "files": { "type": "array", "items": { "type": "object" }, "description": "Files that were made or changed." },
        }),
        &["id", "status", "answer", "model", "code_attempts", "usage", "wall_ms", "files"],
    )
}

fn id(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn nullable(kind: &str, about: &str) -> Value {
    json!({ "anyOf": [{ "type": kind }, { "type": "null" }], "description": about })
}

fn record(properties: Value, required: &[&str]) -> Arc<JsonObject> {
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        Bundle, Category, Change, FileChange, Finding, FindingKind, Isolation, Language, Level, Outcome,
        OutcomeError, Span, Status, Strength, Truncated, Usage, Wall,
    };
    use protocol::{ContextId, ExecutionId, SandboxId};

    /// An outcome in which nothing is empty.
    fn full() -> Outcome {
        let error = OutcomeError {
            category: Category::Syntax,
            name: "n".to_owned(),
            message: "m".to_owned(),
            traceback: vec!["t".to_owned()],
            line: Some(1),
            retryable: true,
            hint: Some("h".to_owned()),
        };
        let file = FileChange {
            path: "p".to_owned(),
            size: 1,
            mime: "text/plain".to_owned(),
            sha256: Some("s".to_owned()),
            change: Change::Created,
        };
        let finding = Finding {
            rule: "r".to_owned(),
            kind: FindingKind::Denied,
            span: Span { line: 1, column: 1, end_line: 1, end_column: 2 },
            message: "m".to_owned(),
            hint: Some("h".to_owned()),
        };
        let (stdout_bytes, stderr_bytes, results, files) = (1, 1, 1, 1);
        Outcome {
            id: ExecutionId::from_bits(1),
            sandbox: Some(SandboxId::from_bits(1)),
            context: Some(ContextId::from_bits(1)),
            language: Language::Python,
            status: Status::Error,
            exit_code: 1,
            stdout: "o".to_owned(),
            stderr: "e".to_owned(),
            results: vec![Bundle { main: true, data: [("text/plain".to_owned(), json!("x"))].into() }],
            error: Some(error),
            files: vec![file],
            truncated: Truncated {
                stdout_bytes,
                stderr_bytes,
                results,
                files,
                spilled_to: vec!["s".to_owned()],
            },
            usage: Usage::default(),
            findings: vec![finding],
            context_alive: true,
            isolation: Some(Isolation {
                backend: "native".to_owned(),
                level: Level::Vm,
                strength: Strength::Full,
                walls: Wall::ALL.to_vec(),
                missing: Vec::new(),
            }),
        }
    }

    /// The fields that a value has and a schema tells, side by side, at every depth.
    fn compare(at: &str, value: &Value, schema: &Value) {
        let schema = schema.get("anyOf").and_then(|kinds| kinds.get(0)).unwrap_or(schema);
        match value {
            Value::Object(fields) if schema.get("properties").is_some() => {
                let told = schema["properties"].as_object().unwrap();
                let names = |map: &JsonObject| map.keys().cloned().collect::<std::collections::BTreeSet<_>>();
                assert_eq!(names(fields), names(told), "{at}");
                for (name, field) in fields {
                    compare(&format!("{at}.{name}"), field, &told[name]);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| compare(at, item, &schema["items"])),
            Value::Object(_) => assert_eq!(schema["type"], "object", "{at}"),
            Value::String(_) => assert_eq!(schema["type"], "string", "{at}"),
            Value::Bool(_) => assert_eq!(schema["type"], "boolean", "{at}"),
            Value::Number(number) => {
                let kind = if number.is_f64() { "number" } else { "integer" };
                assert_eq!(schema["type"], kind, "{at}");
            }
            Value::Null => panic!("{at} is null"),
        }
    }

    #[test]
    fn the_schema_tells_all_that_an_outcome_has() {
        let schema = Value::Object(outcome().as_ref().clone());
        compare("outcome", &serde_json::to_value(full()).unwrap(), &schema);
        let required = |schema: &Value| schema["required"].as_array().cloned().unwrap_or_default();
        let always = serde_json::to_value(Truncated::default()).unwrap();
        let names: Vec<Value> = always.as_object().unwrap().keys().map(|name| json!(name)).collect();
        assert_eq!(required(&schema["properties"]["truncated"]), names);
        assert_eq!(required(&schema).len(), schema["properties"].as_object().unwrap().len());
    }

    #[test]
    fn the_schema_knows_every_word() {
        let schema = Value::Object(outcome().as_ref().clone());
        let properties = &schema["properties"];
        let isolation = &properties["isolation"]["anyOf"][0]["properties"];
        let error = &properties["error"]["anyOf"][0]["properties"];
        // Every word is read back as the type, and there are as many as the type has.
        let statuses = Status::Ok as usize..=Status::Lost as usize;
        assert_eq!(properties["status"]["enum"].as_array().unwrap().len(), statuses.count());
        let categories = Category::Syntax as usize..=Category::Sandbox as usize;
        assert_eq!(error["category"]["enum"].as_array().unwrap().len(), categories.count());
        for (told, read) in [
            (&properties["status"]["enum"], reads::<Status> as fn(&Value) -> bool),
            (&properties["language"]["enum"], reads::<Language>),
            (&error["category"]["enum"], reads::<Category>),
            (&isolation["level"]["enum"], reads::<Level>),
            (&isolation["strength"]["enum"], reads::<Strength>),
            (&properties["files"]["items"]["properties"]["change"]["enum"], reads::<Change>),
            (&properties["findings"]["items"]["properties"]["kind"]["enum"], reads::<FindingKind>),
        ] {
            assert!(told.as_array().unwrap().iter().all(read), "{told}");
        }
    }

    fn reads<T: serde::de::DeserializeOwned>(word: &Value) -> bool {
        serde_json::from_value::<T>(word.clone()).is_ok()
    }
}
