//! `envd`: processes and files of one sandbox, as the SDKs reach them at port 49983.

mod access;
mod files;
mod filesystem;
mod paths;
mod process;
mod signing;
mod stat;
mod watching;

pub use paths::absolute;
pub use signing::{is_signed, place_of_signed};
pub use watching::Watchers;

use super::place::Place;
use crate::e2b::refusal::Refusal;
use crate::http::Served;
use axum::{
    Extension, Json, Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::from_fn,
    routing::{get, post},
};
use std::collections::BTreeMap;
use tower_http::decompression::RequestDecompressionLayer;

/// All of it.
pub fn routes(served: Served) -> Router {
    let secret = Router::new()
        .route("/envs", get(envs))
        .route("/process.Process/Start", post(process::start))
        .route("/process.Process/Connect", post(process::connect))
        .route("/process.Process/List", post(process::list))
        .route("/process.Process/SendInput", post(process::send_input))
        .route("/process.Process/StreamInput", post(process::stream_input))
        .route("/process.Process/CloseStdin", post(process::close_stdin))
        .route("/process.Process/SendSignal", post(process::send_signal))
        .route("/process.Process/Update", post(process::update))
        .route("/filesystem.Filesystem/Stat", post(filesystem::stat))
        .route("/filesystem.Filesystem/MakeDir", post(filesystem::make_dir))
        .route("/filesystem.Filesystem/Move", post(filesystem::rename))
        .route("/filesystem.Filesystem/ListDir", post(filesystem::list))
        .route("/filesystem.Filesystem/Remove", post(filesystem::remove))
        .route("/filesystem.Filesystem/WatchDir", post(watching::watch))
        .route("/filesystem.Filesystem/CreateWatcher", post(watching::create))
        .route("/filesystem.Filesystem/GetWatcherEvents", post(watching::events))
        .route("/filesystem.Filesystem/RemoveWatcher", post(watching::remove))
        .fallback(async || Refusal::missing("this call of envd"))
        .layer(from_fn(access::check));
    Router::new()
        .route("/health", get(async || StatusCode::NO_CONTENT))
        .route("/files", get(files::read).post(files::write).layer(RequestDecompressionLayer::new()))
        .merge(secret)
        .layer(DefaultBodyLimit::disable())
        .with_state(served)
}

/// The environment of everything in the sandbox.
async fn envs(Extension(place): Extension<Place>) -> Json<BTreeMap<String, String>> {
    Json(place.room.env.clone())
}
