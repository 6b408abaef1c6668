//! What tools are called with. A call that does not fit is not carried out.

use super::refusal::Stop;
use base64::{Engine, engine::general_purpose::STANDARD};
use desk::File;
use protocol::{Language, SandboxId};
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Files that one call may bring.
pub const FILES_MAX: usize = 64;

/// Arguments of `run_code`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCode {
    pub code: String,
    #[serde(default)]
    pub language: Option<Language>,
    #[serde(default)]
    pub sandbox: Option<SandboxId>,
    #[serde(default)]
    pub timeout: Option<f64>,
    #[serde(default)]
    pub files: Option<Vec<Upload>>,
}

/// Arguments of `run_command`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCommand {
    pub command: String,
    #[serde(default)]
    pub sandbox: Option<SandboxId>,
    #[serde(default)]
    pub timeout: Option<f64>,
    #[serde(default)]
    pub files: Option<Vec<Upload>>,
}

/// Arguments of `create_sandbox`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSandbox {
    #[serde(default)]
    pub ttl_seconds: Option<u64>,
}

/// Arguments of `close_sandbox`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseSandbox {
    pub sandbox: SandboxId,
}

/// Arguments of `list_files`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFiles {
    pub sandbox: SandboxId,
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub depth: Option<u32>,
}

/// Arguments of `read_file`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    pub sandbox: SandboxId,
    pub path: String,
    #[serde(default)]
    pub offset: Option<u64>,
    #[serde(default)]
    pub length: Option<u64>,
}

/// Arguments of `write_file`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    pub sandbox: SandboxId,
    pub path: String,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub base64: Option<String>,
}

/// Arguments of `ask`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub prompt: String,
    #[serde(default)]
    pub sandbox: Option<SandboxId>,
    #[serde(default)]
    pub files: Option<Vec<Upload>>,
}

/// A file that a call brings: its content is text or base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    pub path: String,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub base64: Option<String>,
}

/// Reads the arguments of a tool.
///
/// # Errors
/// What does not fit, in words.
pub fn read<T: DeserializeOwned>(tool: &str, arguments: Option<JsonObject>) -> Result<T, Stop> {
    let arguments = serde_json::Value::Object(arguments.unwrap_or_default());
    serde_json::from_value(arguments).map_err(|error| wrong(tool, &error.to_string()))
}

/// The arguments of `tool` do not fit, because of `why`.
pub fn wrong(tool: &str, why: &str) -> Stop {
    Stop::Arguments(format!("cannot call {tool}: {why}"))
}

/// Text that has to say something.
///
/// # Errors
/// Where it is blank.
pub fn filled(tool: &str, name: &str, text: String) -> Result<String, Stop> {
    if text.trim().is_empty() { Err(wrong(tool, &format!("{name} is empty"))) } else { Ok(text) }
}

/// Seconds as milliseconds, at most `most_ms`.
///
/// # Errors
/// Where they are not above 0, or too many.
pub fn timeout(tool: &str, seconds: Option<f64>, most_ms: u64) -> Result<Option<u64>, Stop> {
    let Some(seconds) = seconds else { return Ok(None) };
    if !(seconds > 0.0 && seconds * 1000.0 <= most_ms as f64) {
        let most = most_ms as f64 / 1000.0;
        return Err(wrong(tool, &format!("timeout is {seconds}, not above 0 and at most {most} seconds")));
    }
    Ok(Some(((seconds * 1000.0) as u64).max(1)))
}

/// The files that a call brings.
///
/// # Errors
/// Where there are too many, or one has no content or two.
pub fn contents(tool: &str, files: Option<Vec<Upload>>) -> Result<Vec<File>, Stop> {
    let files = files.unwrap_or_default();
    if files.len() > FILES_MAX {
        return Err(wrong(
            tool,
            &format!("there are {} files, at most {FILES_MAX} can be brought", files.len()),
        ));
    }
    files.into_iter().map(|file| content(tool, file)).collect()
}

/// One file.
///
/// # Errors
/// Where it has no content or two, or base64 that is none.
pub fn content(tool: &str, file: Upload) -> Result<File, Stop> {
    let path = file.path;
    let bytes = match (file.text, file.base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(text)) => STANDARD
            .decode(text.trim())
            .map_err(|error| wrong(tool, &format!("base64 of {path:?} cannot be decoded: {error}")))?,
        _ => return Err(wrong(tool, &format!("{path:?} needs either text or base64"))),
    };
    Ok(File { path, bytes: bytes.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn why<T: DeserializeOwned>(arguments: &Value) -> String {
        match read::<T>("tool", arguments.as_object().cloned()) {
            Err(Stop::Arguments(why)) => why,
            _ => "read".to_owned(),
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let run: [(Value, &str); 8] = [
            (json!({"code": "1"}), "read"),
            (json!({"code": "1", "language": null, "sandbox": null, "timeout": null, "files": null}), "read"),
            (json!({}), "missing field `code`"),
            (json!({"code": 1}), "invalid type: integer `1`"),
            (json!({"code": "1", "lang": "bash"}), "unknown field `lang`"),
            (json!({"code": "1", "language": "ruby"}), "unknown variant `ruby`"),
            (json!({"code": "1", "sandbox": "mine"}), "read \"mine\" as an id: expected sbx_ and 32"),
            (json!({"code": "1", "files": [{"name": "x"}]}), "unknown field `name`"),
        ];
        for (arguments, part) in run {
            let why = why::<RunCode>(&arguments);
            assert!(why.contains(part), "{arguments}: {why}");
        }
        assert!(why::<CloseSandbox>(&json!({})).contains("missing field `sandbox`"));
    }

    #[test]
    fn times_hold_or_are_refused() {
        for (seconds, expected) in [
            (None, Ok(None)),
            (Some(1.5), Ok(Some(1500))),
            (Some(0.0001), Ok(Some(1))),
            (Some(30.0), Ok(Some(30_000))),
            (Some(30.1), Err(())),
            (Some(0.0), Err(())),
            (Some(-1.0), Err(())),
            (Some(f64::NAN), Err(())),
        ] {
            assert_eq!(timeout("tool", seconds, 30_000).map_err(|_| ()), expected, "{seconds:?}");
        }
    }

    #[test]
    fn a_file_has_one_content() {
        let upload = |text: Option<&str>, base64: Option<&str>| Upload {
            path: "x".to_owned(),
            text: text.map(str::to_owned),
            base64: base64.map(str::to_owned),
        };
        let bytes = |upload| content("tool", upload).map(|file| file.bytes.to_vec()).map_err(|_| ());
        assert_eq!(bytes(upload(Some("é"), None)), Ok("é".as_bytes().to_vec()));
        assert_eq!(bytes(upload(None, Some("/wA="))), Ok(vec![0xff, 0]));
        for bad in [upload(None, None), upload(Some(""), Some("")), upload(None, Some("%"))] {
            assert_eq!(bytes(bad), Err(()));
        }
        let many = (0..=FILES_MAX).map(|_| upload(Some(""), None)).collect();
        assert!(contents("tool", Some(many)).is_err());
    }
}
