//! What a person may set about a model: `[models.NAME]` in the configuration. Which file holds it is the binary's affair.

use super::{Conversation, Prices};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Who talks to the model, and so how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's Responses.
    Openai,
    /// Chat Completions, of OpenAI or of any server that speaks it.
    OpenaiChat,
    /// A recorded conversation: the model's name is the file.
    Recording,
}

impl Provider {
    /// All, in the order in which messages list them.
    pub const ALL: [Provider; 4] =
        [Provider::Anthropic, Provider::Openai, Provider::OpenaiChat, Provider::Recording];

    /// As it stands before the colon in `--model`.
    pub fn name(self) -> &'static str {
        match self {
            Provider::Anthropic => "anthropic",
            Provider::Openai => "openai",
            Provider::OpenaiChat => "openai-chat",
            Provider::Recording => "recording",
        }
    }
}

/// How the key is shown to the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`.
    XApiKey,
}

/// When replies are streamed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streaming {
    /// Always.
    #[default]
    Always,
    /// Only where no tools are offered: for servers that lose calls in streams.
    WithoutTools,
    /// Never.
    Never,
}

impl Streaming {
    /// True where the reply to this conversation is streamed.
    pub fn applies(self, conversation: &Conversation) -> bool {
        match self {
            Streaming::Always => true,
            Streaming::WithoutTools => conversation.tools.is_empty(),
            Streaming::Never => false,
        }
    }
}

/// What Chat Completions calls the longest reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// What local servers know.
    MaxTokens,
    /// What OpenAI's own models need.
    MaxCompletionTokens,
}

/// A header that is sent with every request. Its value may be a secret: it is not shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct HeaderValue(pub String);

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Settings of one model. All have a default; no key is among them, only the name of the variable that has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// `anthropic`, `openai`, `openai-chat` or `recording`.
    pub provider: Option<Provider>,
    /// The model's name at the provider.
    pub model: Option<String>,
    /// Where requests go, without the last part (`/responses`, `/chat/completions`, `/v1/messages`).
    pub base_url: Option<String>,
    /// The environment variable that has the key.
    pub key_env: Option<String>,
    /// Anthropic: the value of `anthropic-version`.
    pub api_version: Option<String>,
    /// How the key is shown.
    pub auth: Option<Auth>,
    /// Headers to add to every request.
    pub headers: BTreeMap<String, HeaderValue>,
    /// Longest reply in tokens.
    pub reply_tokens_max: Option<u32>,
    /// When replies are streamed.
    pub stream: Streaming,
    /// Chat Completions: what the longest reply is called.
    pub max_tokens_field: Option<MaxTokensField>,
    /// The model reads pictures.
    pub images: Option<bool>,
    /// The model calls tools; without them it is asked for bare code.
    pub tools: Option<bool>,
    /// May several calls come at once? Not said to the server where unset.
    pub parallel_calls: Option<bool>,
    /// Chat Completions: calls come as `<tool_call>` tags in the text.
    pub tagged_calls: bool,
    /// Chat Completions: the field that has the model's reasoning; `reasoning_content` and `reasoning` where unset.
    pub reasoning_field: Option<String>,
    /// Chat Completions: the model's reasoning goes back to it.
    pub echo_reasoning: bool,
    /// More fields for the body of every request.
    pub body: serde_json::Map<String, serde_json::Value>,
    /// Dollars.
    pub prices: Option<Prices>,
    /// How often one request may be sent again.
    pub retries: Option<u32>,
    /// How long nothing may come before the request counts as dead, in milliseconds.
    pub idle_timeout_ms: Option<u64>,
    /// A key may be sent unencrypted to another machine.
    pub allow_plain_http: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_and_no_header_is_shown() {
        let text = r#"
            provider = "openai-chat"
            model = "qwen3:8b"
            base_url = "http://127.0.0.1:8000/v1"
            key_env = "VLLM_KEY"
            api_version = "2026-10-21"
            auth = "x-api-key"
            headers = { x-org = "sesame" }
            reply_tokens_max = 4096
            stream = "without-tools"
            max_tokens_field = "max_tokens"
            images = true
            tools = true
            parallel_calls = false
            tagged_calls = true
            reasoning_field = "reasoning"
            echo_reasoning = true
            body = { temperature = 0.0, options = { num_ctx = 8192 } }
            prices = { input = 1.0, output = 2.0, cache_read = 0.1, cache_write = 1.0 }
            retries = 2
            idle_timeout_ms = 60000
            allow_plain_http = true
        "#;
        let settings: ModelSettings = toml::from_str(text).unwrap();
        assert_eq!(settings.provider, Some(Provider::OpenaiChat));
        assert_eq!(settings.stream, Streaming::WithoutTools);
        assert_eq!(settings.max_tokens_field, Some(MaxTokensField::MaxTokens));
        assert_eq!(settings.body["options"]["num_ctx"], 8192);
        assert!(!format!("{settings:?}").contains("sesame"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<ModelSettings>("api_key = 'sk-1'").unwrap_err();
        assert!(error.to_string().contains("api_key"), "{error}");
    }

    #[test]
    fn providers_are_named_alike_in_specs_and_settings() {
        for provider in Provider::ALL {
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.name());
        }
    }
}
