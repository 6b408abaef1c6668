//! How the tools are told to clients: names, descriptions, what they take and give, and what they do to the world.

use super::files::{DEPTH_MAX, LENGTH, LENGTH_MAX};
use super::sandboxes::TTL_SECONDS_MAX;
use crate::mcp::arguments::FILES_MAX;
use crate::mcp::{schema, words};
use agent::model::Model;
use protocol::Limits;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::sync::Arc;

/// All tools, where sandboxes have this time to live; `ask` only where there is a model.
pub fn all(limits: &Limits, ttl_seconds: u64, model: Option<&Arc<dyn Model>>) -> Vec<Tool> {
    let mut tools = vec![
        run_code(limits),
        run_command(limits),
        create_sandbox(limits, ttl_seconds),
        close_sandbox(),
        list_files(),
        read_file(),
        write_file(),
    ];
    tools.extend(model.map(|model| ask(model.name())));
    tools
}

fn run_code(limits: &Limits) -> Tool {
    let about = format!(
        "Runs code and returns its output, results, figures, changed files and errors. Without `sandbox` it runs in a fresh \
         sandbox; with one, variables, imports and files of earlier runs are there. Limits: {}.",
        words::in_words(limits)
    );
    let input = object(
        json!({
            "code": { "type": "string", "description": "The code." },
            "language": { "type": "string", "enum": ["python", "bash", "javascript", "typescript", "r"], "description": "python where it is not given." },
            "sandbox": sandbox("The sandbox to run in, as create_sandbox returned it. Leave it out to run once in a fresh one."),
            "timeout": timeout(limits),
            "files": files(),
        }),
        &["code"],
    );
    tool("run_code", "Run code", about, input).with_raw_output_schema(schema::outcome()).annotate(runs())
}

fn run_command(limits: &Limits) -> Tool {
    let about = "Runs a shell command (Bash) in /workspace, for files, archives and text tools. Without `sandbox` it runs in a \
                 fresh sandbox. Nothing of the shell is kept for the next command, other than files.";
    let input = object(
        json!({
            "command": { "type": "string", "description": "The command line." },
            "sandbox": sandbox("The sandbox to run in, as create_sandbox returned it. Leave it out to run once in a fresh one."),
            "timeout": timeout(limits),
            "files": files(),
        }),
        &["command"],
    );
    tool("run_command", "Run a command", about.to_owned(), input)
        .with_raw_output_schema(schema::outcome())
        .annotate(runs())
}

fn create_sandbox(limits: &Limits, ttl_seconds: u64) -> Tool {
    let about = format!(
        "Makes a sandbox that keeps variables, imports and files, and returns its id for the other tools. It is destroyed by \
         close_sandbox, or when nobody used it for its time to live ({ttl_seconds} s where none is given). Limits: {}.",
        words::in_words(limits)
    );
    let ttl = json!({
        "type": "integer", "minimum": 1, "maximum": TTL_SECONDS_MAX,
        "description": format!("Seconds after the last use until it is destroyed; {ttl_seconds} where they are not given."),
    });
    tool("create_sandbox", "Create a sandbox", about, object(json!({ "ttl_seconds": ttl }), &[]))
        .with_raw_output_schema(schema::created())
        .annotate(hints(false, false, false))
}

fn close_sandbox() -> Tool {
    let about = "Destroys a sandbox with its variables and files; what runs in it is killed.".to_owned();
    let input = object(json!({ "sandbox": sandbox("The sandbox.") }), &["sandbox"]);
    tool("close_sandbox", "Close a sandbox", about, input)
        .with_raw_output_schema(schema::closed())
        .annotate(hints(false, true, true))
}

fn list_files() -> Tool {
    let about = "Lists the files of a sandbox.".to_owned();
    let input = object(
        json!({
            "sandbox": sandbox("The sandbox."),
            "path": { "type": "string", "description": "The directory; /workspace where it is not given." },
            "depth": { "type": "integer", "minimum": 1, "maximum": DEPTH_MAX, "description": "Levels of directories; 1 where it is not given." },
        }),
        &["sandbox"],
    );
    tool("list_files", "List files", about, input)
        .with_raw_output_schema(schema::listed())
        .annotate(hints(true, false, true))
}

fn read_file() -> Tool {
    let about = format!(
        "Reads a file of a sandbox, or a part of it: text as text, pictures as pictures, everything else as a blob. Up to \
         {LENGTH_MAX} bytes at once."
    );
    let input = object(
        json!({
            "sandbox": sandbox("The sandbox."),
            "path": path(),
            "offset": { "type": "integer", "minimum": 0, "description": "The first byte; 0 where it is not given." },
            "length": { "type": "integer", "minimum": 1, "maximum": LENGTH_MAX, "description": format!("Bytes; {LENGTH} where they are not given.") },
        }),
        &["sandbox", "path"],
    );
    tool("read_file", "Read a file", about, input).annotate(hints(true, false, true))
}

fn write_file() -> Tool {
    let about = "Writes a file into a sandbox, with the directories above it; what was there before is replaced. Give either \
                 text or base64.";
    let input = object(
        json!({ "sandbox": sandbox("The sandbox."), "path": path(), "text": text(), "base64": base64() }),
        &["sandbox", "path"],
    );
    tool("write_file", "Write a file", about.to_owned(), input)
        .with_raw_output_schema(schema::written())
        .annotate(hints(false, true, true))
}

fn ask(model: &str) -> Tool {
    let about = format!(
        "Asks the model {model} a question that it answers by writing code and running it in a sandbox, repairing it until the \
         answer stands. It may take minutes, and costs what that model costs."
    );
    let input = object(
        json!({
            "prompt": { "type": "string", "description": "The question, with everything that is needed to answer it." },
            "sandbox": sandbox("A sandbox whose files the question is about. Leave it out to answer in a fresh one."),
            "files": files(),
        }),
        &["prompt"],
    );
    tool("ask", "Ask a model that runs code", about, input)
        .with_raw_output_schema(schema::answer())
        .annotate(hints(false, false, false).open_world(true))
}

fn tool(name: &'static str, title: &str, about: String, input: JsonObject) -> Tool {
    Tool::new(name, about, Arc::new(input)).with_title(title)
}

/// Code changes only what is in its sandbox.
fn runs() -> ToolAnnotations {
    hints(false, false, false)
}

fn hints(reads_only: bool, destroys: bool, idempotent: bool) -> ToolAnnotations {
    ToolAnnotations::new()
        .read_only(reads_only)
        .destructive(destroys)
        .idempotent(idempotent)
        .open_world(false)
}

fn object(properties: Value, required: &[&str]) -> JsonObject {
    let Value::Object(schema) = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    }) else {
        return JsonObject::new();
    };
    schema
}

fn sandbox(about: &str) -> Value {
    json!({ "type": "string", "pattern": "^sbx_[0-9a-f]{32}$", "description": about })
}

fn timeout(limits: &Limits) -> Value {
    let most = words::seconds(limits.timeout_ms);
    json!({
        "type": "number", "exclusiveMinimum": 0, "maximum": most,
        "description": format!("Seconds that it may run; {most} where they are not given, and at most."),
    })
}

fn path() -> Value {
    json!({ "type": "string", "description": "Below /workspace, or absolute." })
}

fn text() -> Value {
    json!({ "type": "string", "description": "The content, where it is text." })
}

fn base64() -> Value {
    json!({ "type": "string", "description": "The content in base64, where it is not text." })
}

fn files() -> Value {
    json!({
        "type": "array", "maxItems": FILES_MAX,
        "description": "Files that are written before it runs. Each has a path and either text or base64.",
        "items": object(json!({ "path": path(), "text": text(), "base64": base64() }), &["path"]),
    })
}
