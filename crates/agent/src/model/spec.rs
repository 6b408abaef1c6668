//! Which model is meant: what `--model` says, what the configuration names, what a bare name tells.

use super::{ModelSettings, Provider};
use std::{collections::BTreeMap, fmt};

/// The configuration's `[models.NAME]`.
pub type ConfiguredModels = BTreeMap<String, ModelSettings>;

/// A model and who provides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSpec {
    /// Who.
    pub provider: Provider,
    /// Its name there; the file of a recording.
    pub name: String,
}

impl fmt::Display for ModelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider.name(), self.name)
    }
}

/// Words that name no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tell which model is meant by {text:?}: {why}")]
pub struct SpecError {
    text: String,
    why: &'static str,
    /// What to do next.
    pub hint: String,
}

/// The forms of `--model`.
pub(super) const FORMS: &str =
    "anthropic:NAME, openai:NAME, openai-chat:NAME@http://127.0.0.1:11434/v1, or recording:FILE";

/// Beginnings of names that tell the provider.
const FAMILIES: [(&str, Provider); 5] = [
    ("claude-", Provider::Anthropic),
    ("gpt-", Provider::Openai),
    ("chatgpt-", Provider::Openai),
    ("codex-", Provider::Openai),
    ("computer-use-", Provider::Openai),
];

impl ModelSpec {
    /// Reads the text of `--model`: a name in the configuration, `PROVIDER:NAME`, `PROVIDER:NAME@URL`, or a bare name
    /// whose beginning tells the provider. The settings are those that are configured, with what the text says.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn parse(text: &str, configured: &ConfiguredModels) -> Result<(ModelSpec, ModelSettings), SpecError> {
        let text = text.trim();
        if let Some(settings) = configured.get(text) {
            return configured_spec(text, settings);
        }
        let wrong = |why| SpecError { text: text.to_owned(), why, hint: hint(configured) };
        let provider = |word: &str| Provider::ALL.into_iter().find(|provider| provider.name() == word);
        let known = text.split_once(':').and_then(|(word, rest)| Some((provider(word)?, rest)));
        let (provider, rest) = match known {
            Some(known) => known,
            None => (family(text).ok_or_else(|| wrong("its provider is not known"))?, text),
        };
        let (name, url) = match provider {
            Provider::Recording => (rest, None),
            _ => url_of(rest),
        };
        if name.is_empty() {
            return Err(wrong("it has no name"));
        }
        let settings = ModelSettings { base_url: url.map(str::to_owned), ..ModelSettings::default() };
        Ok((ModelSpec { provider, name: name.to_owned() }, settings))
    }
}

fn configured_spec(text: &str, settings: &ModelSettings) -> Result<(ModelSpec, ModelSettings), SpecError> {
    let name = settings.model.clone().unwrap_or_else(|| text.to_owned());
    let own_server = settings.base_url.as_ref().map(|_| Provider::OpenaiChat);
    let provider = settings.provider.or_else(|| family(&name)).or(own_server);
    let Some(provider) = provider else {
        let hint = format!("set provider in [models.{text}]: anthropic, openai, openai-chat or recording");
        return Err(SpecError { text: text.to_owned(), why: "its provider is not known", hint });
    };
    Ok((ModelSpec { provider, name }, settings.clone()))
}

fn family(name: &str) -> Option<Provider> {
    let known = FAMILIES.into_iter().find(|(beginning, _)| name.starts_with(beginning));
    // o1, o3-mini, o4-mini …
    let numbered =
        name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    known.map(|(_, provider)| provider).or(numbered.then_some(Provider::Openai))
}

/// A name may have an `@` of its own: only one before a URL counts.
fn url_of(rest: &str) -> (&str, Option<&str>) {
    let at = ["@http://", "@https://"].into_iter().filter_map(|mark| rest.find(mark)).min();
    at.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])))
}

fn hint(configured: &ConfiguredModels) -> String {
    let names: Vec<&str> = configured.keys().map(String::as_str).collect();
    match names.as_slice() {
        [] => format!("say {FORMS}"),
        names => format!("say {FORMS}, or one of your configuration: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured() -> ConfiguredModels {
        let text = r#"
            [local]
            model = "qwen3:8b"
            base_url = "http://127.0.0.1:8000/v1"
            [claude-house]
            reply_tokens_max = 100
            [mystery]
            images = true
            [tape]
            provider = "recording"
            model = "a.json"
        "#;
        toml::from_str(text).unwrap()
    }

    #[test]
    fn every_form_is_understood() {
        let url = Some("http://127.0.0.1:11434/v1");
        let table = [
            ("anthropic:claude-opus-5-5", "anthropic:claude-opus-5-5", None),
            ("openai:gpt-6.1-sol", "openai:gpt-6.1-sol", None),
            ("openai-chat:qwen3:8b@http://127.0.0.1:11434/v1", "openai-chat:qwen3:8b", url),
            ("openai-chat:org/m@rev@http://127.0.0.1:11434/v1", "openai-chat:org/m@rev", url),
            ("openai-chat:gpt-6.1-sol", "openai-chat:gpt-6.1-sol", None),
            ("anthropic:m@https://gate.example", "anthropic:m", Some("https://gate.example")),
            ("recording:a@http://b.json", "recording:a@http://b.json", None),
            (" claude-haiku-5-5 ", "anthropic:claude-haiku-5-5", None),
            ("gpt-6-luna", "openai:gpt-6-luna", None),
            ("o4-mini", "openai:o4-mini", None),
            ("local", "openai-chat:qwen3:8b", Some("http://127.0.0.1:8000/v1")),
            ("claude-house", "anthropic:claude-house", None),
            ("tape", "recording:a.json", None),
        ];
        for (text, name, url) in table {
            let (spec, settings) = ModelSpec::parse(text, &configured()).unwrap();
            assert_eq!((spec.to_string().as_str(), settings.base_url.as_deref()), (name, url), "{text}");
        }
        assert_eq!(ModelSpec::parse("claude-house", &configured()).unwrap().1.reply_tokens_max, Some(100));
    }

    #[test]
    fn what_names_no_model_is_answered_with_the_forms() {
        let table = [
            ("qwen3:8b", "recording:FILE"),
            ("opus", "one of your configuration: claude-house, local, mystery, tape"),
            ("", "say anthropic:NAME"),
            ("anthropic:", "say anthropic:NAME"),
            ("openai-chat:@http://x", "say anthropic:NAME"),
            ("recording:", "say anthropic:NAME"),
            ("mystery", "set provider in [models.mystery]"),
            ("Anthropic:x", "say anthropic:NAME"),
        ];
        for (text, hint) in table {
            let error = ModelSpec::parse(text, &configured()).unwrap_err();
            assert!(error.hint.contains(hint), "{text}: {error} {}", error.hint);
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
        let error = ModelSpec::parse("opus", &ConfiguredModels::new()).unwrap_err();
        assert!(error.hint.ends_with("recording:FILE"), "{}", error.hint);
    }
}
