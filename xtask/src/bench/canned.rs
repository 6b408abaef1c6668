//! A server that answers what an E2B SDK asks for one round at once, with canned bytes: what is left is the SDK's own time.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

const CREATED: &str = r#"{"templateID":"base","sandboxID":"icannedcannedcannedc","clientID":"canned","envdVersion":"0.5.7","envdAccessToken":"canned"}"#;
const EXECUTED: &str = concat!(
    r#"{"type":"result","text":"2","is_main_result":true}"#,
    "\n",
    r#"{"type":"number_of_executions","execution_count":1}"#,
    "\n",
    r#"{"type":"end_of_execution"}"#,
    "\n"
);

/// Starts it for the rest of this process: its URL.
pub fn start() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listen for the canned server")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(url)
}

/// Answers until the client goes.
fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let length = skip_fields(&mut reader)?;
        reader.by_ref().take(length).read_to_end(&mut Vec::new()).ok()?;
        writer.write_all(answer(&first).as_bytes()).ok()?;
    }
}

/// Reads the header's fields: how long the body is.
fn skip_fields(reader: &mut impl BufRead) -> Option<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { return Some(length) };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
}

fn answer(first: &str) -> String {
    let (status, body) = match first {
        first if first.starts_with("DELETE") => ("204 No Content", ""),
        first if first.contains("/execute ") => ("200 OK", EXECUTED),
        _ => ("201 Created", CREATED),
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}
