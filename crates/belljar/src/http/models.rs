//! The models that a server answers with: chosen by whoever started it, named by whoever asks.

use super::problem::Problem;
use agent::model::Model;
use axum::http::StatusCode;
use std::{collections::BTreeMap, sync::Arc};

/// Models by the names that requests may use. A request never says where a model is, or with which key.
#[derive(Default, Clone)]
pub struct Models {
    /// The one for requests that name none.
    pub default: Option<Arc<dyn Model>>,
    /// All of them.
    pub named: BTreeMap<String, Arc<dyn Model>>,
    /// What is installed where their code runs: names and versions.
    pub libraries: Vec<(String, String)>,
}

impl Models {
    /// The model of that name, or the default.
    pub fn find(&self, name: Option<&str>) -> Result<Arc<dyn Model>, Problem> {
        let found = match name {
            Some(name) => self.named.get(name),
            None => self.default.as_ref(),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = self.named.keys().map(String::as_str).collect();
            let (what, hint) = match (name, names.as_slice()) {
                (None, []) => (
                    "ask anybody: this server has no model".to_owned(),
                    "`belljar serve --model` gives it one".to_owned(),
                ),
                (None, names) => (
                    "ask anybody: no model is the default".to_owned(),
                    format!("there are {}", names.join(", ")),
                ),
                (Some(name), []) => {
                    (format!("find a model named {name:?}"), "this server has none".to_owned())
                }
                (Some(name), names) => {
                    (format!("find a model named {name:?}"), format!("there are {}", names.join(", ")))
                }
            };
            Problem::new(StatusCode::BAD_REQUEST, "no_model", what).hint(hint)
        })
    }
}
