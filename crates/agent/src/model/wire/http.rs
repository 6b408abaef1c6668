//! One endpoint: where requests go, with which key, and how one attempt is made. Trying again is left to `retry`.

use super::{
    Assembly, Ear, Progress, Trouble,
    complaint::{Complaint, bounded},
    sse::SseReader,
};
use crate::model::{Auth, FailureKind, ModelSettings, Reply};
use reqwest::{
    Response, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use std::{error::Error, fmt, time::Duration};
use tokio::time::timeout;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// A reply that is not streamed is silent until all of it was written.
const WHOLE_REPLY_TIMEOUT: Duration = Duration::from_secs(600);
const RETRIES: u32 = 2;
/// Longest response in bytes; for a stream, of all its events.
const RESPONSE_BYTES_MAX: usize = 128 << 20;
const ERROR_BYTES_MAX: usize = 64 << 10;

/// A key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key, without the blanks and line ends around it that files and variables gather.
    pub fn new(key: &str) -> Key {
        Key(key.trim().to_owned())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Settings that no endpoint can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use the model's endpoint: {message}")]
pub struct EndpointError {
    message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl EndpointError {
    fn new(message: impl Into<String>, hint: &str) -> EndpointError {
        EndpointError { message: message.into(), hint: Some(hint.to_owned()) }
    }
}

/// Where requests to a model go.
#[derive(Clone)]
pub struct Endpoint {
    client: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    /// What must not be shown, even where a server repeats it.
    secrets: Vec<Key>,
    idle_timeout: Duration,
    /// How often one request may be sent again.
    pub(super) retries: u32,
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What follows the base URL: `v1/messages`.
    pub path: &'a str,
    /// The body.
    pub body: &'a Value,
    /// The body asks for a stream.
    pub streamed: bool,
}

impl Endpoint {
    /// An endpoint as it is set. `headers` are the adapter's; those of the settings come over them.
    ///
    /// # Errors
    /// [`EndpointError`] where the URL or a header cannot be used, or the key would travel unencrypted.
    pub fn open(
        settings: &ModelSettings,
        default_base: &str,
        default_auth: Auth,
        key: Option<Key>,
        headers: &[(&str, &str)],
    ) -> Result<Endpoint, EndpointError> {
        let base = address(settings.base_url.as_deref().unwrap_or(default_base))?;
        let local = is_loopback(base.as_str());
        if base.scheme() == "http" && key.is_some() && !local && !settings.allow_plain_http {
            let message = format!("{} would get the key unencrypted", place(&base));
            return Err(EndpointError::new(
                message,
                "use https, or set allow_plain_http = true for this model",
            ));
        }
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            insert(&mut all, name, value)?;
        }
        let mut secrets = Vec::new();
        if let Some(key) = key {
            match settings.auth.unwrap_or(default_auth) {
                Auth::Bearer => insert(&mut all, "authorization", &format!("Bearer {}", key.0))?,
                Auth::XApiKey => insert(&mut all, "x-api-key", &key.0)?,
            }
            secrets.push(key);
        }
        for (name, value) in &settings.headers {
            insert(&mut all, name, &value.0)?;
            secrets.push(Key::new(&value.0));
        }
        secrets.extend(base.query_pairs().map(|(_, value)| Key::new(&value)));
        // A short value is no secret, and taking it out of every message would leave little of them.
        secrets.retain(|secret| secret.0.len() >= 8);
        let idle_timeout = settings.idle_timeout_ms.map_or(IDLE_TIMEOUT, Duration::from_millis);
        let retries = settings.retries.unwrap_or(RETRIES);
        Ok(Endpoint { client: client(local)?, base, headers: all, secrets, idle_timeout, retries })
    }

    /// Makes one attempt. The provider's id of the request is left in `request_id`.
    pub(super) async fn attempt(
        &self,
        request: &Request<'_>,
        assembly: &mut impl Assembly,
        heard: Ear<'_>,
        request_id: &mut Option<String>,
    ) -> Result<Reply, Trouble> {
        let wait =
            if request.streamed { self.idle_timeout } else { self.idle_timeout.max(WHOLE_REPLY_TIMEOUT) };
        let post = self.client.post(self.url(request.path)).headers(self.headers.clone());
        let sent = post.body(request.body.to_string()).send();
        let response = timeout(wait, sent).await.map_err(|_| silent(wait))?.map_err(unreachable)?;
        *request_id = id_of(response.headers());
        if !response.status().is_success() {
            return Err(complained(response, wait).await);
        }
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            stream(response, wait, assembly, heard).await?;
        } else {
            let body = whole(response, wait, RESPONSE_BYTES_MAX).await?;
            let body = serde_json::from_slice(&body);
            let body = body.map_err(|error| Trouble::malformed(format!("the reply is not JSON: {error}")))?;
            assembly.whole(body, heard)?;
        }
        assembly.finish()
    }

    /// The text without anything that must not be shown.
    pub(super) fn scrub(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| text.replace(&secret.0, "…"))
    }

    /// Where it is, for people: no query, which may have a key.
    pub fn place(&self) -> String {
        place(&self.base)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("place", &self.place()).finish_non_exhaustive()
    }
}

fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.as_str().trim_end_matches('/').to_owned()
}

fn address(text: &str) -> Result<Url, EndpointError> {
    let hint = "give a base URL like https://host/path";
    let url =
        Url::parse(text).map_err(|error| EndpointError::new(format!("its URL is wrong: {error}"), hint))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EndpointError::new(format!("{} is not http", url.scheme()), hint));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EndpointError::new("its URL has a password", "put the key into an environment variable"));
    }
    Ok(url)
}

/// True where the URL leads to this machine.
pub fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), EndpointError> {
    let hint = "headers are visible ASCII without line ends";
    let key = HeaderName::try_from(name);
    let key = key.map_err(|_| EndpointError::new(format!("{name:?} is no name of a header"), hint))?;
    let value = HeaderValue::from_str(value);
    let mut value =
        value.map_err(|_| EndpointError::new(format!("the value of {name} cannot be sent"), hint))?;
    value.set_sensitive(true);
    headers.insert(key, value);
    Ok(())
}

/// A client for this machine, without proxies, or for others.
///
/// # Errors
/// [`EndpointError`] where the system has no certificates.
pub fn client(local: bool) -> Result<reqwest::Client, EndpointError> {
    // Fails only where the process has a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("accept", HeaderValue::from_static("application/json, text/event-stream"));
    let builder = reqwest::Client::builder()
        .default_headers(headers)
        .user_agent(concat!("belljar/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect would carry the key and the conversation somewhere that nobody named.
        .redirect(reqwest::redirect::Policy::none());
    let builder = if local { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| EndpointError {
        message: format!("no client can be made: {}", root_cause(&error)),
        hint: Some("install the certificates of the system (ca-certificates)".into()),
    })
}

async fn complained(response: Response, wait: Duration) -> Trouble {
    let status = response.status().as_u16();
    let word =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let should_retry = word("x-should-retry").and_then(|word| word.parse().ok());
    let after = super::retry::pause(word("retry-after-ms").as_deref(), word("retry-after").as_deref());
    let body = whole(response, wait, ERROR_BYTES_MAX).await.unwrap_or_default();
    Trouble { after, ..Complaint::parse(&body).trouble(status, should_retry) }
}

async fn stream(
    mut response: Response,
    wait: Duration,
    assembly: &mut impl Assembly,
    heard: Ear<'_>,
) -> Result<(), Trouble> {
    let (mut reader, mut events, mut bytes) = (SseReader::default(), Vec::new(), 0);
    while let Some(chunk) = next(&mut response, wait).await? {
        bytes += chunk.len();
        let pushed = reader.push(&chunk, &mut events);
        if pushed.is_err() || bytes > RESPONSE_BYTES_MAX {
            return Err(Trouble::malformed("the reply is too long"));
        }
        for event in events.drain(..) {
            if assembly.event(&event, heard)? == Progress::Done {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn whole(mut response: Response, wait: Duration, bytes_max: usize) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = next(&mut response, wait).await? {
        body.extend_from_slice(&chunk);
        if body.len() > bytes_max {
            return Err(Trouble::malformed("the reply is too long"));
        }
    }
    Ok(body)
}

async fn next(response: &mut Response, wait: Duration) -> Result<Option<bytes::Bytes>, Trouble> {
    let chunk = timeout(wait, response.chunk()).await.map_err(|_| silent(wait))?;
    chunk.map_err(|error| Trouble::cut(format!("the connection broke: {}", root_cause(&error))))
}

fn silent(wait: Duration) -> Trouble {
    let message = format!("nothing came for {} s", wait.as_secs_f64());
    Trouble { kind: FailureKind::Timeout, message, again: true, after: None }
}

fn unreachable(error: reqwest::Error) -> Trouble {
    let message = if error.is_connect() { "no connection" } else { "the connection broke" };
    let message = format!("{message}: {}", root_cause(&error));
    Trouble { kind: FailureKind::Unreachable, message, again: true, after: None }
}

/// The innermost cause: the outer ones only repeat where it happened, with the whole URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error) {
        return if error.is_timeout() { "timed out".into() } else { "unknown cause".into() };
    }
    bounded(&cause.to_string(), 500)
}

fn id_of(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("request-id").or_else(|| headers.get("x-request-id"))?;
    Some(bounded(id.to_str().ok()?, 200))
}
