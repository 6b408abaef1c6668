//! The client of Anthropic's Messages against a mock that speaks its shapes, and the mock against the official SDK.

mod bounds;
mod failures;
#[path = "../mock/mod.rs"]
mod mock;
mod official;
mod replies;
mod scene;
#[path = "../sdks/mod.rs"]
mod sdks;
mod tls;
mod turns;
