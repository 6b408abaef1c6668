//! An HTTP/1.1 server for tests: keeps what was asked, answers as it is told, byte by byte if need be, and notices who
//! hangs up. What is asked and answered is the providers' (`anthropic`, …).

use serde_json::Value;
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    task::JoinHandle,
    time::sleep,
};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// `Null` where the body is not JSON.
    pub body: Value,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<Piece>,
}

/// A piece of an answer's body.
#[derive(Debug, Clone)]
pub enum Piece {
    Bytes(Vec<u8>),
    Wait(Duration),
    /// The connection ends here, in the middle of the answer.
    Cut,
}

impl Answer {
    /// JSON, all at once.
    pub fn json(status: u16, body: &Value) -> Answer {
        let headers = vec![("content-type".into(), "application/json".into())];
        Answer { status, headers, body: vec![Piece::Bytes(body.to_string().into_bytes())] }
    }

    /// A stream of events.
    pub fn events(body: Vec<Piece>) -> Answer {
        let headers = vec![("content-type".into(), "text/event-stream; charset=utf-8".into())];
        Answer { status: 200, headers, body }
    }
}

/// Answers a request. The number counts requests from 0.
pub type Respond = dyn Fn(&Received, usize) -> Answer + Send + Sync;

#[derive(Default)]
struct Log {
    received: Vec<Received>,
    hung_up: usize,
}

/// A running server; ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts on a free port of this machine.
    pub async fn start(
        respond: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Server> {
        Server::listen(0, respond).await
    }

    /// Starts on this port.
    pub async fn listen(
        port: u16,
        respond: impl Fn(&Received, usize) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let log = Arc::new(Mutex::new(Log::default()));
        let (respond, kept): (Arc<Respond>, _) = (Arc::new(respond), log.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (respond, log) = (respond.clone(), kept.clone());
                // A client that breaks off is part of the tests; what it means is in the log.
                tokio::spawn(async move { serve(stream, &*respond, &log).await.ok() });
            }
        });
        Ok(Server { address, log, accepting })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.log.lock().unwrap().received.clone()
    }

    /// How many clients hung up before their answer was complete.
    pub fn hung_up(&self) -> usize {
        self.log.lock().unwrap().hung_up
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: TcpStream, respond: &Respond, log: &Mutex<Log>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(received) = receive(&mut read).await? {
        let number = {
            let mut log = log.lock().unwrap();
            log.received.push(received.clone());
            log.received.len() - 1
        };
        let answer = respond(&received, number);
        write.write_all(head(&answer).as_bytes()).await?;
        for piece in answer.body {
            let done = match piece {
                Piece::Bytes(bytes) => write.write_all(&chunk(&bytes)).await,
                Piece::Wait(time) => wait(&mut read, time).await,
                Piece::Cut => return Ok(()),
            };
            if let Err(error) = done {
                log.lock().unwrap().hung_up += 1;
                return Err(error);
            }
        }
        write.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}

/// Waits; an error where the client hangs up meanwhile.
async fn wait(read: &mut BufReader<OwnedReadHalf>, time: Duration) -> io::Result<()> {
    tokio::select! {
        () = sleep(time) => Ok(()),
        more = read.fill_buf() => match more?.is_empty() {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Err(io::Error::other("a request before the answer to the one before")),
        },
    }
}

async fn receive(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Received>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first().map(|line| line.split(' ')).into_iter().flatten();
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().and_then(|path| path.split('?').next()).unwrap_or_default().to_owned();
    let header = |line: &String| {
        line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines.iter().skip(1).filter_map(header).collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    read.read_exact(&mut body).await?;
    Ok(Some(Received { method, path, headers, body: serde_json::from_slice(&body).unwrap_or_default() }))
}

fn head(answer: &Answer) -> String {
    let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {} -\r\n{headers}transfer-encoding: chunked\r\n\r\n", answer.status)
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
