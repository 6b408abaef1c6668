//! What all clients share: the way to the server, the tally of answers, and what was wrong with any of them.

use crate::server::client;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

/// Failures that are told; all are counted.
const TOLD_MAX: usize = 20;

pub struct Scene {
    pub address: String,
    client: Client,
    tally: Mutex<BTreeMap<(&'static str, u16), u64>>,
    failures: Mutex<Vec<String>>,
}

impl Scene {
    pub fn new(address: &str) -> Scene {
        let (tally, failures) = Default::default();
        Scene { address: address.to_owned(), client: client(), tally, failures }
    }

    /// A request to one of the server's paths.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends it; gives back the answer, which is sound by itself. What `act` this belongs to is counted.
    pub async fn send(&self, act: &'static str, request: RequestBuilder) -> Option<Response> {
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                self.count_in(act, status);
                let waits = response.headers().contains_key("retry-after");
                if status >= 500 || (status == 429 && !waits) {
                    let (head, text) = (format!("{:?}", response.headers()), response.text().await);
                    self.fail(format!("{act}: {status} {head} {text:?}"));
                    return None;
                }
                Some(response)
            }
            Err(error) => {
                self.fail(format!("{act}: no answer: {error:?}"));
                None
            }
        }
    }

    /// The same with JSON as its body; gives back status and JSON.
    pub async fn ask(&self, act: &'static str, request: RequestBuilder) -> Option<(u16, Value)> {
        let response = self.send(act, request).await?;
        let status = response.status().as_u16();
        match response.bytes().await {
            Ok(bytes) => Some((status, serde_json::from_slice(&bytes).unwrap_or_default())),
            Err(error) => {
                self.fail(format!("{act}: the answer broke off: {error:?}"));
                None
            }
        }
    }

    pub fn count_in(&self, act: &'static str, status: u16) {
        *self.tally.lock().unwrap().entry((act, status)).or_default() += 1;
    }

    pub fn fail(&self, why: String) {
        let mut failures = self.failures.lock().unwrap();
        if failures.len() < TOLD_MAX {
            failures.push(why.chars().take(2000).collect());
        }
    }

    /// What must hold of an answer.
    pub fn check(&self, holds: bool, act: &str, seen: &dyn std::fmt::Debug) {
        if !holds {
            self.fail(format!("{act}: {seen:?}"));
        }
    }

    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap().clone()
    }

    pub fn count(&self, act: &str, status: u16) -> u64 {
        let tally = self.tally.lock().unwrap();
        tally.iter().filter(|((name, its), _)| *name == act && *its == status).map(|(_, count)| count).sum()
    }

    /// The tally for people.
    pub fn told(&self) -> String {
        self.tally.lock().unwrap().iter().fold(String::new(), |mut text, ((act, status), count)| {
            let _ = writeln!(text, "{act:>16} {status} {count:>7}");
            text
        })
    }
}
