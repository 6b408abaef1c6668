//! When a request is sent again, and how long after. The counts and the deadline are the answer's; see [`Bounds`].

use super::{Assembly, Ear, Endpoint, Request, Trouble};
use crate::model::{Bounds, Failure, FailureKind, Heard, Reply};
use protocol::Tokens;
use std::time::{Duration, Instant, SystemTime};
use tokio::time::{sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A server that wants to be left alone for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Gets a reply: sends the request, and sends it again where that may help and `bounds` allow it. `begin` makes what
/// takes the response of one attempt.
///
/// # Errors
/// [`Failure`] of the last attempt, with the tokens of all.
pub async fn exchange<A: Assembly>(
    endpoint: &Endpoint,
    request: &Request<'_>,
    bounds: &Bounds,
    heard: Ear<'_>,
    begin: impl Fn() -> A + Send,
) -> Result<Reply, Failure> {
    let mut course = Course::default();
    loop {
        let mut assembly = begin();
        let mut spoke = false;
        let mut ear = |what: Heard| {
            spoke = true;
            heard(what);
        };
        let attempt = endpoint.attempt(request, &mut assembly, &mut ear, &mut course.request_id);
        let trouble = match within(bounds.deadline, attempt).await {
            Ok(reply) => return Ok(course.complete(reply)),
            Err(trouble) => trouble,
        };
        course.tokens += assembly.tokens();
        match course.pause(endpoint, bounds, &trouble, spoke) {
            Ok(pause) => {
                course.retries += 1;
                course.voided |= spoke;
                let after_ms = pause.as_millis().try_into().unwrap_or(u64::MAX);
                heard(Heard::Retry { after_ms, why: endpoint.scrub(trouble.message) });
                sleep(pause).await;
            }
            Err(why) => return Err(course.fail(endpoint, trouble, why)),
        }
    }
}

async fn within<T>(
    deadline: Option<Instant>,
    attempt: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let Some(deadline) = deadline else { return attempt.await };
    let late = || Trouble {
        kind: FailureKind::Timeout,
        message: "the deadline has passed".into(),
        again: false,
        after: None,
    };
    // A future is polled once even where the time is over, and that would send the request.
    if deadline <= Instant::now() {
        return Err(late());
    }
    timeout_at(deadline.into(), attempt).await.unwrap_or_else(|_| Err(late()))
}

/// What has become of a request so far.
#[derive(Debug, Default)]
struct Course {
    retries: u32,
    tokens: Tokens,
    request_id: Option<String>,
    /// Something that had been heard was void already.
    voided: bool,
}

impl Course {
    /// How long to wait before the next attempt; or why there is none, if there is more to say than that it is no use.
    fn pause(
        &self,
        endpoint: &Endpoint,
        bounds: &Bounds,
        trouble: &Trouble,
        spoke: bool,
    ) -> Result<Duration, Option<String>> {
        if !trouble.again {
            return Err(None);
        }
        if self.retries >= endpoint.retries || (spoke && self.voided) {
            return Err((self.retries > 0).then(|| format!("it was sent {} times", self.retries + 1)));
        }
        let pause = trouble.after.unwrap_or_else(|| backoff(self.retries, interpreter::random_bits() as u32));
        let late = bounds
            .deadline
            .is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) <= pause);
        if late || pause > PATIENCE {
            let limit = if late { "which is past the deadline" } else { "which is too long" };
            return Err(Some(format!("the next attempt would be in {:.1} s, {limit}", pause.as_secs_f64())));
        }
        if !bounds.take_retry() {
            return Err(Some("all retries of this answer are used up".into()));
        }
        Ok(pause)
    }

    fn complete(self, mut reply: Reply) -> Reply {
        reply.tokens += self.tokens;
        reply.retries = self.retries;
        reply.request_id = self.request_id;
        reply
    }

    fn fail(self, endpoint: &Endpoint, trouble: Trouble, why: Option<String>) -> Failure {
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        let message = format!("get a reply from {}: {}{why}", endpoint.place(), trouble.message);
        Failure {
            kind: trouble.kind,
            message: endpoint.scrub(message),
            hint: hint(trouble.kind).map(str::to_owned),
            request_id: self.request_id,
            retries: self.retries,
            tokens: self.tokens,
        }
    }
}

fn hint(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Auth => Some("check the key, and that it may use this model"),
        FailureKind::RateLimited => Some("wait, or raise the account's rate limit"),
        FailureKind::SpendLimit => {
            Some("raise the account's spend limit or add credit; waiting does not help")
        }
        FailureKind::Overloaded => Some("try again later, or use another model"),
        FailureKind::NotFound => Some("check the model's name and the base URL"),
        FailureKind::Unreachable => Some("check the base URL, and that the server runs"),
        FailureKind::Timeout => Some("allow more time, or raise idle_timeout_ms for this model"),
        FailureKind::Malformed => {
            Some("check that the provider of this model is the one that the base URL speaks")
        }
        _ => None,
    }
}

/// The pause after so many retries; up to a quarter less by `random`, so that clients do not come all at once.
fn backoff(retries: u32, random: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << retries.min(16)).min(LONGEST_PAUSE);
    pause - pause.mul_f64(0.25 * f64::from(random) / f64::from(u32::MAX))
}

/// The pause that a server asks for by `retry-after-ms` or `retry-after` (seconds, or a date).
pub(super) fn pause(after_ms: Option<&str>, after: Option<&str>) -> Option<Duration> {
    let seconds = |text: &str, unit: f64| text.trim().parse::<f64>().ok().map(|number| number * unit);
    let until = |text: &str| {
        let date = httpdate::parse_http_date(text.trim()).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default().as_secs_f64())
    };
    let pause = after_ms.and_then(|text| seconds(text, 0.001));
    let pause = pause.or_else(|| after.and_then(|text| seconds(text, 1.0).or_else(|| until(text))));
    pause.and_then(|pause| Duration::try_from_secs_f64(pause).ok()).filter(|pause| !pause.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_shrink_by_a_quarter_at_most() {
        let most = [0, 1, 2, 3, 4, 5, 40].map(|retries| backoff(retries, 0).as_millis());
        assert_eq!(most, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        let least = [0, 4].map(|retries| backoff(retries, u32::MAX).as_millis());
        assert_eq!(least, [375, 6000]);
    }

    #[test]
    fn the_servers_pause_is_read_in_all_its_forms() {
        let ms = Duration::from_millis;
        let cases = [
            (Some("250"), Some("9"), Some(ms(250))),
            (Some("x"), Some("9"), Some(ms(9000))),
            (None, Some("0.5"), Some(ms(500))),
            (None, Some("Sun, 06 Nov 1994 08:49:37 GMT"), None),
            (None, Some("soon"), None),
            (None, Some("-1"), None),
            (None, Some("inf"), None),
            (None, Some("NaN"), None),
            (Some("0"), None, None),
            (None, None, None),
        ];
        for (after_ms, after, expected) in cases {
            assert_eq!(pause(after_ms, after), expected, "{after_ms:?} {after:?}");
        }
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(30));
        let soon = pause(None, Some(&soon)).unwrap();
        assert!((Duration::from_secs(28)..=Duration::from_secs(30)).contains(&soon), "{soon:?}");
    }
}
