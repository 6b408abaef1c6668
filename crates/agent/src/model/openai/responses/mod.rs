//! OpenAI's Responses.

mod reading;
mod request;

use crate::model::{
    Auth, Bounds, Conversation, Failure, Model, ModelSettings, Reply, Traits, openai,
    wire::{self, Ear, Endpoint, EndpointError, Key, Request},
};
use reading::Reading;
use std::pin::Pin;

/// A model that is reached by Responses.
#[derive(Debug)]
pub struct Responses {
    name: String,
    model: String,
    settings: ModelSettings,
    traits: Traits,
    endpoint: Endpoint,
}

impl Responses {
    /// The model of this name, as it is set.
    ///
    /// # Errors
    /// See [`Endpoint::open`].
    pub fn open(
        model: &str,
        settings: &ModelSettings,
        traits: Traits,
        key: Option<Key>,
    ) -> Result<Responses, EndpointError> {
        let endpoint = Endpoint::open(settings, openai::BASE_URL, Auth::Bearer, key, &[])?;
        let (name, settings) = (format!("openai:{model}"), settings.clone());
        Ok(Responses { name, model: model.to_owned(), settings, traits, endpoint })
    }
}

impl Model for Responses {
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
            let body = request::body(&self.model, conversation, &self.settings);
            let streamed = self.settings.stream.applies(conversation);
            let request = Request { path: "responses", body: &body, streamed };
            let reply = wire::exchange(&self.endpoint, &request, bounds, heard, Reading::default).await;
            reply.map_err(openai::advised)
        })
    }
}
