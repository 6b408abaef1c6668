//! Finding a model at an Ollama: whether it answers, and which of its models can work for us.

use super::wire;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

/// Where an Ollama listens unless it is told otherwise.
const ADDRESS: &str = "127.0.0.1";
const PORT: u16 = 11434;
/// How long it may take to say that it is there.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long it may take to describe one model.
const DESCRIPTION_PATIENCE: Duration = Duration::from_secs(1);
/// Models that are asked what they can; the rest is not looked at.
const MODELS_MAX: usize = 16;

/// An Ollama's model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Local {
    /// Its name.
    pub name: String,
    /// It calls tools.
    pub tools: bool,
    /// It reads pictures.
    pub images: bool,
}

/// Why an Ollama is no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absent {
    /// Nothing answers there.
    Silent,
    /// It has no model that writes text.
    Empty,
}

impl Absent {
    /// What was found at an address.
    pub fn at(self, address: &str) -> String {
        match self {
            Absent::Silent => format!("no Ollama answers at {address}"),
            Absent::Empty => format!("the Ollama at {address} has no model that writes text"),
        }
    }
}

/// The address that `OLLAMA_HOST` means, as Ollama itself reads it: `host`, `host:port`, `:port` or a URL. Where it
/// listens everywhere, it is reached at home.
pub(super) fn address(host: Option<&str>) -> String {
    let host = host.unwrap_or_default().trim().trim_matches(['"', '\'']);
    let (scheme, rest, port) = match host.split_once("://") {
        Some(("https", rest)) => ("https", rest, 443),
        Some((_, rest)) => ("http", rest, 80),
        None => ("http", host, PORT),
    };
    let rest = rest.trim_end_matches('/');
    let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match place.rsplit_once(':') {
        Some((name, given)) if is_port(given) && (!name.contains(':') || name.ends_with(']')) => {
            (name, given.to_owned())
        }
        _ => (place, port.to_string()),
    };
    let name = if matches!(name, "" | "0.0.0.0" | "[::]" | "::") { ADDRESS } else { name };
    format!("{scheme}://{name}:{port}{path}")
}

/// The first model that can call tools, else the first that writes text.
pub(super) async fn find(address: &str) -> Result<Local, Absent> {
    let client = wire::client(true).map_err(|_| Absent::Silent)?;
    let tags = json_of(client.get(format!("{address}/api/tags")), PATIENCE).await.ok_or(Absent::Silent)?;
    let models = tags["models"].as_array().ok_or(Absent::Silent)?;
    let mut second = None;
    for model in models.iter().take(MODELS_MAX) {
        let Some(name) = model["name"].as_str() else { continue };
        let mut described = model.clone();
        if !described["capabilities"].is_array() {
            let ask = client.post(format!("{address}/api/show")).body(json!({ "model": name }).to_string());
            described = json_of(ask, DESCRIPTION_PATIENCE).await.unwrap_or_default();
        }
        let can =
            |word: &str| described["capabilities"].as_array().is_some_and(|all| all.contains(&word.into()));
        let local = Local { name: name.to_owned(), tools: can("tools"), images: can("vision") };
        if local.tools {
            return Ok(local);
        }
        // One that does not say what it can is tried for text; a model of embeddings says so.
        if second.is_none() && (can("completion") || !described["capabilities"].is_array()) {
            second = Some(local);
        }
    }
    second.ok_or(Absent::Empty)
}

async fn json_of(request: reqwest::RequestBuilder, patience: Duration) -> Option<Value> {
    let answer = async { request.send().await?.error_for_status()?.bytes().await };
    let body = timeout(patience, answer).await.ok()?.ok()?;
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_ollama_reads_them() {
        let table = [
            (None, "http://127.0.0.1:11434"),
            (Some(""), "http://127.0.0.1:11434"),
            (Some("0.0.0.0"), "http://127.0.0.1:11434"),
            (Some("0.0.0.0:8080"), "http://127.0.0.1:8080"),
            (Some(":8080"), "http://127.0.0.1:8080"),
            (Some("box"), "http://box:11434"),
            (Some("box:1234/"), "http://box:1234"),
            (Some("http://box"), "http://box:80"),
            (Some("https://box/ollama/"), "https://box:443/ollama"),
            (Some("http://box:11434"), "http://box:11434"),
            (Some("[::1]"), "http://[::1]:11434"),
            (Some("[::1]:99"), "http://[::1]:99"),
            (Some("[::]:99"), "http://127.0.0.1:99"),
            (Some(" \"box\" "), "http://box:11434"),
        ];
        for (host, expected) in table {
            assert_eq!(address(host), expected, "{host:?}");
        }
    }
}
