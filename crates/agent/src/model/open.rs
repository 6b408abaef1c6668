//! Opening a model: where it is, with which key, and what it can. Without a word from anybody the environment decides.
//!
//! Nothing here reads the environment: who opens gives a way to ask for a variable.

use super::{
    Model, ModelSettings, ModelSpec, Provider, Recording, RecordingError, SpecError, Traits,
    anthropic::Anthropic,
    catalog, ollama,
    openai::{self, Chat, Responses},
    spec::{ConfiguredModels, FORMS},
    wire::{EndpointError, Key},
};
use std::{path::Path, sync::Arc};

/// Answers with the value of an environment variable. An empty one counts as none.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// Why no model was opened. The text fits after "cannot …".
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody says which model.
    #[error("choose a model: no key is set, and {ollama}")]
    Nobody {
        /// What became of looking for a local model.
        ollama: String,
    },
    /// What was said names none.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The key is missing.
    #[error("use {model}: {variable} is not set")]
    NoKey {
        /// The model.
        model: String,
        /// The variable that should have it.
        variable: String,
    },
    /// Its endpoint cannot be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Its recording cannot be used.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

impl OpenError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            OpenError::Nobody { .. } => Some(format!(
                "set ANTHROPIC_API_KEY or OPENAI_API_KEY, start Ollama with a model, or say which: --model {FORMS}"
            )),
            OpenError::Spec(error) => Some(error.hint.clone()),
            OpenError::NoKey { variable, .. } => {
                Some(format!("set {variable} to the key, or use another model"))
            }
            OpenError::Endpoint(error) => error.hint.clone(),
            OpenError::Recording(_) => None,
        }
    }
}

/// Decides which model is meant: by `text`, the value of `--model`; without it by the environment, in this order: a key of
/// Anthropic, a key of OpenAI, an Ollama that answers.
///
/// # Errors
/// [`OpenError::Spec`], [`OpenError::Nobody`].
pub async fn choose(
    text: Option<&str>,
    configured: &ConfiguredModels,
    environment: Environment<'_>,
) -> Result<(ModelSpec, ModelSettings), OpenError> {
    if let Some(text) = text {
        return Ok(ModelSpec::parse(text, configured)?);
    }
    for provider in [Provider::Anthropic, Provider::Openai] {
        let Some(variables) = variables(provider) else { continue };
        if set(environment, variables.key).is_none() {
            continue;
        }
        let default = || catalog::default_model(provider).map(str::to_owned);
        if let Some(name) = set(environment, variables.model).or_else(default) {
            return Ok((ModelSpec { provider, name }, ModelSettings::default()));
        }
    }
    let address = ollama::address(set(environment, "OLLAMA_HOST").as_deref());
    let local = ollama::find(&address).await;
    let local = local.map_err(|absent| OpenError::Nobody { ollama: absent.at(&address) })?;
    let settings = ModelSettings {
        base_url: Some(format!("{address}/v1")),
        tools: Some(local.tools),
        images: Some(local.images),
        ..ModelSettings::default()
    };
    Ok((ModelSpec { provider: Provider::OpenaiChat, name: local.name }, settings))
}

/// Opens a model. Nothing is sent.
///
/// # Errors
/// See [`OpenError`].
pub fn open(
    spec: &ModelSpec,
    settings: &ModelSettings,
    environment: Environment<'_>,
) -> Result<Arc<dyn Model>, OpenError> {
    let Some(variables) = variables(spec.provider) else {
        return Ok(Arc::new(Recording::open(Path::new(&spec.name))?));
    };
    let mut settings = settings.clone();
    let key = key(spec, &settings, &variables, environment)?;
    settings.base_url = settings.base_url.or_else(|| set(environment, variables.base_url));
    let traits = traits(spec, &settings, &variables);
    Ok(match spec.provider {
        Provider::Anthropic => Arc::new(Anthropic::open(&spec.name, &settings, traits, key)?),
        Provider::Openai => Arc::new(Responses::open(&spec.name, &settings, traits, key)?),
        _ => Arc::new(Chat::open(&spec.name, &settings, traits, key)?),
    })
}

/// The variables that a provider's own programs read, and its own address.
struct Variables {
    key: &'static str,
    base_url: &'static str,
    model: &'static str,
    own: &'static str,
}

fn variables(provider: Provider) -> Option<Variables> {
    Some(match provider {
        Provider::Anthropic => Variables {
            key: "ANTHROPIC_API_KEY",
            base_url: "ANTHROPIC_BASE_URL",
            model: "ANTHROPIC_MODEL",
            own: super::anthropic::BASE_URL,
        },
        Provider::Openai | Provider::OpenaiChat => Variables {
            key: "OPENAI_API_KEY",
            base_url: "OPENAI_BASE_URL",
            model: "OPENAI_MODEL",
            own: openai::BASE_URL,
        },
        Provider::Recording => return None,
    })
}

fn set(environment: Environment<'_>, variable: &str) -> Option<String> {
    environment(variable).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The key, where one is needed or set.
fn key(
    spec: &ModelSpec,
    settings: &ModelSettings,
    variables: &Variables,
    environment: Environment<'_>,
) -> Result<Option<Key>, OpenError> {
    let usual_url = set(environment, variables.base_url).unwrap_or_else(|| variables.own.to_owned());
    let url = settings.base_url.as_deref().unwrap_or(&usual_url);
    let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    let variable = settings.key_env.as_deref().unwrap_or(variables.key);
    // Any server speaks Chat Completions: OpenAI's key goes only where OpenAI's variables point.
    let strange =
        spec.provider == Provider::OpenaiChat && !same(url, &usual_url) && !same(url, variables.own);
    if settings.key_env.is_none() && strange {
        return Ok(None);
    }
    let needed = settings.key_env.is_some() || same(url, variables.own);
    match set(environment, variable) {
        Some(key) => Ok(Some(Key::new(&key))),
        None if needed => Err(OpenError::NoKey { model: spec.to_string(), variable: variable.to_owned() }),
        None => Ok(None),
    }
}

fn traits(spec: &ModelSpec, settings: &ModelSettings, variables: &Variables) -> Traits {
    let url = settings.base_url.as_deref().unwrap_or(variables.own);
    let own = url.trim_end_matches('/') == variables.own;
    let known = own.then(|| catalog::prices(spec.provider, &spec.name)).flatten();
    Traits {
        tools: settings.tools.unwrap_or(true),
        // What a server of one's own runs, most often reads text only.
        images: settings.images.unwrap_or(own || spec.provider != Provider::OpenaiChat),
        prices: settings.prices.or(known),
    }
}
