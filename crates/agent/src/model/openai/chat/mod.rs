//! Chat Completions: OpenAI's, and that of everyone who speaks it in some way.

mod calls;
mod reading;
mod request;
mod tags;
mod thinking;

use crate::model::{
    Auth, Bounds, Conversation, Failure, Model, ModelSettings, Reply, Traits, openai,
    wire::{self, Ear, Endpoint, EndpointError, Key, Request},
};
use reading::Reading;
use std::pin::Pin;

/// The message where a server says that it calls, and sends no call.
pub(super) const LOST_CALLS: &str = "the server announced calls and sent none";

/// A model that is reached by Chat Completions.
#[derive(Debug)]
pub struct Chat {
    name: String,
    model: String,
    settings: ModelSettings,
    traits: Traits,
    endpoint: Endpoint,
    /// It is OpenAI's own.
    own: bool,
}

impl Chat {
    /// The model of this name, as it is set.
    ///
    /// # Errors
    /// See [`Endpoint::open`].
    pub fn open(
        model: &str,
        settings: &ModelSettings,
        traits: Traits,
        key: Option<Key>,
    ) -> Result<Chat, EndpointError> {
        let endpoint = Endpoint::open(settings, openai::BASE_URL, Auth::Bearer, key, &[])?;
        let own = endpoint.place() == openai::BASE_URL;
        let (name, settings) = (format!("openai-chat:{model}"), settings.clone());
        Ok(Chat { name, model: model.to_owned(), settings, traits, endpoint, own })
    }
}

impl Model for Chat {
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
            let body = request::body(&self.model, conversation, &self.settings, self.own);
            let streamed = self.settings.stream.applies(conversation);
            let request = Request { path: "chat/completions", body: &body, streamed };
            // Unique within the conversation: some servers mix up results whose ids came before.
            let ids = format!("call_{}_", conversation.messages.len());
            let begin = || Reading::new(&self.settings, &ids);
            wire::exchange(&self.endpoint, &request, bounds, heard, begin).await.map_err(openai::advised)
        })
    }
}
