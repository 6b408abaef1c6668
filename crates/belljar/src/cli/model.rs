//! Which model is asked: the command line says, else the configuration, else what the environment has a key for.

use super::Site;
use super::failure::{Done, Failure};
use agent::model::{self, Model, OpenError};
use std::sync::Arc;

/// Opens the model; `given` is `--model`. Nothing is sent to it yet.
pub fn open(given: Option<&str>, site: &Site) -> Done<Arc<dyn Model>> {
    let config = site.config()?;
    let environment = |variable: &str| std::env::var(variable).ok();
    let wanted = given.or(config.default_model.as_deref());
    let opened = site.runtime.block_on(async {
        let (spec, settings) = model::choose(wanted, &config.models, &environment).await?;
        model::open(&spec, &settings, &environment)
    });
    opened.map_err(failure)
}

/// The model that answers where a program asks: what is given, else the configuration's default. A key in the environment
/// alone does not count: nobody asked to spend with it.
pub fn answering(given: Option<&str>, site: &Site) -> Done<Option<Arc<dyn Model>>> {
    let configured = site.config()?.default_model;
    match given.or(configured.as_deref()) {
        Some(name) => open(Some(name), site).map(Some),
        None => Ok(None),
    }
}

fn failure(error: OpenError) -> Failure {
    let code = match &error {
        OpenError::Nobody { .. } => "model_missing",
        OpenError::Spec(_) => "model_unknown",
        OpenError::NoKey { .. } => "model_no_key",
        OpenError::Endpoint(_) => "model_endpoint",
        OpenError::Recording(_) => "recording_unusable",
    };
    let hint = error.hint();
    Failure { hint, ..Failure::usage(code, error.to_string()) }
}
