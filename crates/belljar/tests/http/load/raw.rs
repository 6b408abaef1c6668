//! Requests by hand on the wire, for what no decent client sends.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The head of a POST of so many bytes of JSON, on a connection for this request alone.
pub fn head(address: &str, path: &str, bytes: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {bytes}\r\n\r\n"
    )
}

/// Sends all of this and reads what comes until the connection is closed. A connection that is closed under our hands
/// is an empty answer.
pub async fn exchange(address: &str, request: &[u8]) -> Result<String, String> {
    let talk = async {
        let mut socket = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
        let _ = socket.write_all(request).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::time::timeout(PATIENCE, talk).await.map_err(|_| "no answer in time".to_owned())?
}

/// Sends all of this and goes away after a while.
pub async fn leave(address: &str, request: &[u8], after: Duration) -> Result<(), String> {
    let mut socket = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
    let _ = socket.write_all(request).await;
    tokio::time::sleep(after).await;
    Ok(())
}

/// The status of an answer; 0 where there is none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default()
}
