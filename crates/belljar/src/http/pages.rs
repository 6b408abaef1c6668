//! Lists in pages.

use super::{problem::Problem, views::List};
use axum::Json;
use desk::Page;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 1000;

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// How many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Part {
    /// How many.
    pub fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(LIMIT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            limit => Err(Problem::request(format!("list {limit} at once: 1 to {LIMIT_MAX} are possible"))),
        }
    }
}

/// A page as JSON.
pub fn list<T, V: Serialize + ToSchema>(page: Page<T>, view: impl Fn(T) -> V) -> Json<List<V>> {
    Json(List { items: page.items.into_iter().map(view).collect(), next_cursor: page.next })
}
