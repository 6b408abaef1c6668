//! Models that are reached as OpenAI's are: Responses, and Chat Completions in all its dialects.

mod chat;
mod responses;

pub use chat::Chat;
pub use responses::Responses;

use crate::model::Failure;
use protocol::Tokens;
use serde_json::{Map, Value};

/// OpenAI's own address.
pub const BASE_URL: &str = "https://api.openai.com/v1";

/// A failure with the advice that its message calls for, where it is better than the usual one.
fn advised(mut failure: Failure) -> Failure {
    let advice = ADVICE.iter().find(|(part, _)| failure.message.contains(part));
    failure.hint = advice.map(|(_, hint)| (*hint).to_owned()).or(failure.hint);
    failure
}

/// Parts of messages, and what to do.
const ADVICE: [(&str, &str); 6] = [
    (
        "context_length_exceeded",
        "the conversation is longer than this model reads: ask anew, or use another model",
    ),
    ("max_completion_tokens", "set max_tokens_field = \"max_completion_tokens\" for this model"),
    ("max_tokens", "set max_tokens_field = \"max_tokens\" for this model"),
    ("does not support tools", "use --mode direct, or set tools = false for this model"),
    ("tool-call-parser", "set tools = false for this model, or start the server with a parser of its calls"),
    (chat::LOST_CALLS, "set stream = \"without-tools\" for this model"),
];

/// A call's arguments: an object, or what is wrong with them.
fn arguments(text: &str) -> Result<Value, String> {
    // Some servers say nothing where a tool takes nothing.
    if text.trim().is_empty() {
        return Ok(Map::new().into());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object.into()),
        Ok(_) => Err("its arguments are not a JSON object".to_owned()),
        Err(error) => Err(format!("its arguments are not valid JSON: {error}")),
    }
}

/// A picture within a URL.
fn data_url(mime: &str, base64: &str) -> String {
    format!("data:{mime};base64,{base64}")
}

/// The `usage` of a reply, of either kind; nothing where there is none.
fn tokens(usage: &Value) -> Tokens {
    let count = |names: [&str; 2], detail: &str| {
        let path = |name: &&str| usage.pointer(&format!("/{name}{detail}")).and_then(Value::as_u64);
        names.iter().find_map(path).unwrap_or_default()
    };
    let input = ["input_tokens", "prompt_tokens"];
    let input_details = ["input_tokens_details", "prompt_tokens_details"];
    let output_details = ["output_tokens_details", "completion_tokens_details"];
    let cache_read = count(input_details, "/cached_tokens");
    let cache_write = count(input_details, "/cache_write_tokens");
    Tokens {
        input: count(input, "").saturating_sub(cache_read).saturating_sub(cache_write),
        output: count(["output_tokens", "completion_tokens"], ""),
        cache_read,
        cache_write,
        reasoning: count(output_details, "/reasoning_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cached_tokens_are_not_counted_twice() {
        let responses = json!({
            "input_tokens": 100, "output_tokens": 9,
            "input_tokens_details": { "cached_tokens": 60, "cache_write_tokens": 30 },
            "output_tokens_details": { "reasoning_tokens": 4 },
        });
        let chat = json!({
            "prompt_tokens": 100, "completion_tokens": 9,
            "prompt_tokens_details": { "cached_tokens": 60, "cache_write_tokens": 30 },
            "completion_tokens_details": { "reasoning_tokens": 4 },
        });
        let expected = Tokens { input: 10, output: 9, cache_read: 60, cache_write: 30, reasoning: 4 };
        assert_eq!((tokens(&responses), tokens(&chat)), (expected, expected));
        let odd = json!({ "prompt_tokens": 5, "prompt_tokens_details": { "cached_tokens": 60 } });
        assert_eq!(tokens(&odd), Tokens { cache_read: 60, ..Tokens::default() });
        assert_eq!(tokens(&Value::Null), Tokens::default());
    }

    #[test]
    fn arguments_are_an_object_or_nothing() {
        assert_eq!(arguments(" ").unwrap(), json!({}));
        assert_eq!(arguments(r#"{"code": "1"}"#).unwrap(), json!({ "code": "1" }));
        for wrong in ["[]", "\"print(1)\"", "{\"code\": \"1", "{} {}", "null"] {
            arguments(wrong).unwrap_err();
        }
    }
}
