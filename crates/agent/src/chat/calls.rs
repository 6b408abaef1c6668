//! What a model wants run, read from a tool call; what is wrong with it where it cannot be read.

use super::view;
use crate::model::{Call, Part};
use protocol::Language;
use serde_json::Value;

/// The one tool.
pub(super) const RUN_CODE: &str = "run_code";
const ARGUMENTS: [&str; 3] = ["code", "language", "timeout"];

/// Code that a model wants run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub code: String,
    pub language: Language,
    /// Wall time in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// Reads a call.
///
/// # Errors
/// What the model shall read instead: a name for the mistake, and what is right.
pub(super) fn read(call: &Call) -> Result<Wanted, Vec<Part>> {
    if call.name != RUN_CODE {
        let why = format!("there is no tool {:?}; the only one is {RUN_CODE}", call.name);
        return Err(view::not_run("UnknownTool", &why));
    }
    wanted(&call.arguments).map_err(|why| {
        let right = "Right is: code (string), and if needed language (\"python\", \"bash\", \"javascript\", \"typescript\" or \"r\") and timeout (seconds, a number above 0).";
        view::not_run("BadArguments", &format!("{why}. {right}"))
    })
}

fn wanted(arguments: &Value) -> Result<Wanted, String> {
    let Some(arguments) = arguments.as_object() else {
        return Err("the arguments are not an object".to_owned());
    };
    if let Some(name) = arguments.keys().find(|name| !ARGUMENTS.contains(&name.as_str())) {
        return Err(format!("there is no argument {name:?}"));
    }
    let code = match arguments.get("code") {
        Some(Value::String(code)) if !code.trim().is_empty() => code.clone(),
        Some(Value::String(_)) => return Err("code is empty".to_owned()),
        Some(_) => return Err("code is not a string".to_owned()),
        None => return Err("code is missing".to_owned()),
    };
    let language = match arguments.get("language") {
        None | Some(Value::Null) => Language::default(),
        Some(Value::String(name)) => {
            name.to_lowercase().parse().map_err(|_| format!("there is no language {name:?} here"))?
        }
        Some(_) => return Err("language is not a string".to_owned()),
    };
    let timeout_ms = match arguments.get("timeout") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_f64() {
            Some(seconds) if seconds > 0.0 => Some(((seconds * 1000.0) as u64).max(1)),
            _ => return Err("timeout is not a number above 0".to_owned()),
        },
    };
    Ok(Wanted { code, language, timeout_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calls_are_read_strictly() {
        for (arguments, expected) in [
            (json!({"code": "1"}), Ok((Language::Python, None))),
            (json!({"code": "1", "language": null, "timeout": null}), Ok((Language::Python, None))),
            (json!({"code": "1", "language": "Bash", "timeout": 1.5}), Ok((Language::Bash, Some(1500)))),
            (json!({"code": "1", "timeout": 0.0001}), Ok((Language::Python, Some(1)))),
            (json!({"code": "1", "timeout": 0}), Err("timeout is not a number above 0")),
            (json!({"code": "1", "timeout": "9"}), Err("timeout is not a number above 0")),
            (json!({"code": "1", "language": "ruby"}), Err("there is no language \"ruby\" here")),
            (json!({"code": "1", "language": 3}), Err("language is not a string")),
            (json!({"code": "1", "lang": "python"}), Err("there is no argument \"lang\"")),
            (json!({"code": " \n"}), Err("code is empty")),
            (json!({"code": ["1"]}), Err("code is not a string")),
            (json!({}), Err("code is missing")),
            (json!("print(1)"), Err("the arguments are not an object")),
        ] {
            let read = wanted(&arguments);
            let read =
                read.as_ref().map(|wanted| (wanted.language, wanted.timeout_ms)).map_err(String::as_str);
            assert_eq!(read, expected, "{arguments}");
        }
    }

    #[test]
    fn there_is_one_tool() {
        let call = Call { id: "a".into(), name: "python".into(), arguments: json!({"code": "1"}) };
        let parts = read(&call).unwrap_err();
        assert_eq!(view::summary(&parts), Some("not_run (UnknownTool)"));
    }
}
