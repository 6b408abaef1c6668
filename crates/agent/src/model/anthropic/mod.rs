//! Models that are reached by Anthropic's Messages: its own, and those of servers that speak it.

mod reading;
mod request;

use super::{
    Auth, Bounds, Conversation, Failure, Model, ModelSettings, Reply, Traits,
    wire::{self, Ear, Endpoint, EndpointError, Key, Request},
};
use reading::Reading;
use std::pin::Pin;

/// Anthropic's own address.
pub const BASE_URL: &str = "https://api.anthropic.com";

/// The version of the interface that this is written for.
const VERSION: &str = "2026-10-21";

/// A model that is reached by Messages.
pub struct Anthropic {
    name: String,
    model: String,
    settings: ModelSettings,
    traits: Traits,
    endpoint: Endpoint,
}

impl Anthropic {
    /// The model of this name, as it is set.
    ///
    /// # Errors
    /// See [`Endpoint::open`].
    pub fn open(
        model: &str,
        settings: &ModelSettings,
        traits: Traits,
        key: Option<Key>,
    ) -> Result<Anthropic, EndpointError> {
        let headers = [("anthropic-version", settings.api_version.as_deref().unwrap_or(VERSION))];
        let endpoint = Endpoint::open(settings, BASE_URL, Auth::Bearer, key, &headers)?;
        let (name, settings) = (format!("anthropic:{model}"), settings.clone());
        Ok(Anthropic { name, model: model.to_owned(), settings, traits, endpoint })
    }
}

impl Model for Anthropic {
    fn name(&self) -> &str {
        &self.name
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn reply<'a>(
        &'a self,
        conversation: &'a Conversation,
        bounds: &'a Bounds,
        heard: Ear<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let streamed = self.settings.stream.applies(conversation);
            let body = request::body(&self.model, conversation, &self.settings);
            let request = Request { path: "v1/messages", body: &body, streamed };
            wire::exchange(&self.endpoint, &request, bounds, heard, Reading::default).await
        })
    }
}
