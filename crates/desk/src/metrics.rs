//! Figures about the whole server, for whoever watches it: OpenMetrics text, read with each scrape.
//!
//! Labels come from small closed sets of ours; nothing that a caller or code names ever becomes one.

use crate::{Desk, Kind};
use interpreter::{HeldBack, PoolState};
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use protocol::{Answer, FindingKind, Outcome};
use serde::Serialize;
use std::{sync::atomic::AtomicU64, time::Duration};

type Labels = Vec<(&'static str, String)>;
type Counts = Family<Labels, Counter>;

/// A request's end, as the edge saw it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// What it was sent with, such as `GET`.
    pub method: &'a str,
    /// The pattern of its path, such as `/v1/sandboxes/{sandbox}`.
    pub route: &'a str,
    /// The status it was answered with.
    pub status: u16,
    /// Until the head of the answer was ready.
    pub took: Duration,
}

/// All figures.
pub struct Metrics {
    registry: Registry,
    requests: Counts,
    request_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    /// From the request to its turn.
    pub(crate) queue_seconds: Histogram,
    /// From its turn until its code was on its way: a sandbox, a context.
    pub(crate) start_seconds: Histogram,
    run_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    executions: Counts,
    denials: Counts,
    answers: Counts,
    tokens: Counts,
    cost: Family<Labels, Counter<f64, AtomicU64>>,
    now: Now,
}

/// What is looked at when somebody asks.
#[derive(Default)]
struct Now {
    kept: Gauge,
    warm: Gauge,
    warm_target: Gauge,
    warm_memory: Gauge,
    held_back: Family<Labels, Gauge>,
    waiting: Gauge,
    admitted: Gauge,
    pool: Counts,
    pool_made: Counter,
    pool_unused: Counter,
    pool_making: Counter<f64, AtomicU64>,
    memory: Gauge,
    descriptors: Gauge,
}

/// From half a millisecond to four minutes.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 20))
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let histograms = || Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(seconds);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("belljar"),
            requests: Counts::default(),
            request_seconds: histograms(),
            queue_seconds: seconds(),
            start_seconds: seconds(),
            run_seconds: histograms(),
            executions: Counts::default(),
            denials: Counts::default(),
            answers: Counts::default(),
            tokens: Counts::default(),
            cost: Family::default(),
            now: Now::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("http_requests", "Requests answered", self.requests.clone());
        let time = |to: &mut Registry, name: &str, help: &str, histogram: Family<_, _, _>| {
            to.register_with_unit(name, help, Unit::Seconds, histogram);
        };
        time(to, "http_request", "Time until the head of an answer was ready", self.request_seconds.clone());
        time(to, "run", "Wall time of executions and commands", self.run_seconds.clone());
        let (queue, start) = (self.queue_seconds.clone(), self.start_seconds.clone());
        to.register_with_unit("queue", "Time until it was a request's turn", Unit::Seconds, queue);
        to.register_with_unit("start", "Time from a request's turn until its code ran", Unit::Seconds, start);
        to.register("executions", "Executions and commands that ended", self.executions.clone());
        to.register("denials", "Findings of the policy that denied code", self.denials.clone());
        to.register("answers", "Answers that ended", self.answers.clone());
        to.register("model_tokens", "Tokens that models read and wrote", self.tokens.clone());
        to.register("model_cost_dollars", "What models cost, where prices are known", self.cost.clone());
        let now = &self.now;
        to.register("sandboxes_kept", "Sandboxes that callers keep", now.kept.clone());
        to.register("sandboxes_warm", "Sandboxes that are ready and nobody's", now.warm.clone());
        to.register("sandboxes_warm_target", "Sandboxes that demand wants ready", now.warm_target.clone());
        let memory = now.warm_memory.clone();
        to.register("sandboxes_warm_memory_bytes", "Memory of sandboxes that are ready", memory);
        to.register("queue_waiting", "Requests that wait for their turn", now.waiting.clone());
        to.register("queue_admitted", "What was admitted and has not ended", now.admitted.clone());
        now.register_pool(to);
        to.register("process_resident_memory_bytes", "Memory of the server itself", now.memory.clone());
        to.register("process_open_fds", "Open descriptors of the server itself", now.descriptors.clone());
    }

    /// A request was answered.
    pub fn answered(&self, answered: Answered<'_>) {
        let route = ("route", answered.route.to_owned());
        let method = ("method", answered.method.to_owned());
        self.request_seconds
            .get_or_create(&vec![method.clone(), route.clone()])
            .observe(answered.took.as_secs_f64());
        self.requests.get_or_create(&vec![method, route, ("status", answered.status.to_string())]).inc();
    }

    /// An execution or a command has ended.
    pub(crate) fn ended(&self, kind: Kind, outcome: &Outcome) {
        let category = outcome.error.as_ref().map_or("none".to_owned(), |error| word(&error.category));
        let kind = ("kind", word(&kind));
        self.run_seconds.get_or_create(&vec![kind.clone()]).observe(outcome.usage.wall_ms / 1000.0);
        let status = ("status", word(&outcome.status));
        self.executions.get_or_create(&vec![kind, status, ("category", category)]).inc();
        for finding in outcome.findings.iter().filter(|finding| finding.kind == FindingKind::Denied) {
            self.denials.get_or_create(&vec![("rule", finding.rule.clone())]).inc();
        }
    }

    /// A question was answered, or not.
    pub fn told(&self, answer: &Answer) {
        let model = ("model", answer.model.clone());
        self.answers.get_or_create(&vec![model.clone(), ("status", word(&answer.status))]).inc();
        let usage = &answer.usage;
        let kinds = [
            ("input", usage.input),
            ("output", usage.output),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write),
        ];
        for (kind, count) in kinds {
            self.tokens.get_or_create(&vec![model.clone(), ("kind", kind.to_owned())]).inc_by(count);
        }
        if let Some(cost) = answer.cost_usd {
            self.cost.get_or_create(&vec![model]).inc_by(cost);
        }
    }
}

impl Now {
    fn register_pool(&self, to: &mut Registry) {
        to.register("pool_requests", "Sandboxes asked for, found ready or not", self.pool.clone());
        to.register("pool_made", "Sandboxes made before anybody asked", self.pool_made.clone());
        to.register("pool_unused", "Sandboxes that ended before anybody asked", self.pool_unused.clone());
        let making = self.pool_making.clone();
        to.register_with_unit(
            "pool_making",
            "Time that making them took, all together",
            Unit::Seconds,
            making,
        );
        let held_back = self.held_back.clone();
        to.register("pool_held_back", "Whether fewer are ready than wanted for this reason", held_back);
    }

    fn set_pool(&self, pool: &PoolState) {
        set(&self.warm_target, pool.target);
        set(&self.warm_memory, usize::try_from(pool.memory_bytes).unwrap_or(usize::MAX));
        for (found, count) in [("hit", pool.hits), ("miss", pool.misses)] {
            raise(&self.pool.get_or_create(&vec![("found", found.to_owned())]), count);
        }
        raise(&self.pool_made, pool.made);
        raise(&self.pool_unused, pool.unused);
        self.pool_making.inc_by((pool.making.as_secs_f64() - self.pool_making.get()).max(0.0));
        for why in HeldBack::ALL {
            let gauge = self.held_back.get_or_create(&vec![("why", why.name().to_owned())]);
            gauge.set(i64::from(pool.held_back == Some(why)));
        }
    }
}

fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// Brings a counter to what somebody else counted.
fn raise(counter: &Counter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

impl Desk {
    /// All figures as OpenMetrics text.
    pub fn scrape(&self) -> String {
        let metrics = self.metrics();
        let now = &metrics.now;
        let queue = self.queue_state();
        set(&now.kept, self.sandbox_count());
        set(&now.warm, self.warm_count());
        set(&now.waiting, queue.waiting);
        set(&now.admitted, queue.admitted);
        now.set_pool(&self.interpreter().pool_state());
        set(&now.memory, resident_bytes());
        set(&now.descriptors, std::fs::read_dir("/proc/self/fd").map_or(0, |open| open.count() - 1));
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &metrics.registry);
        text
    }
}

/// A word of the protocol as JSON has it.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or("other").to_owned()
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size()
}
