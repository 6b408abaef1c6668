//! A model provider for tests of the command line: `cargo run -p belljar-agent --example mock_model -- SCRIPT [PORT]`.
//!
//! Prints its base URL, then serves until it is ended. What a script is, `tests/mock/mod.rs` says.

#[path = "../tests/mock/mod.rs"]
mod mock;

use std::{error::Error, io::Write};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let script = arguments.next().ok_or("say which script: mock_model SCRIPT [PORT]")?;
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let script: mock::Script = serde_json::from_str(&std::fs::read_to_string(script)?)?;
    let server = script.serve(port).await?;
    println!("{}", server.url());
    std::io::stdout().flush()?;
    std::future::pending().await
}
