//! Answers: a question for a model, which runs code here to find the answer.

use super::{
    address::Only,
    body::Json,
    executions::GivenFile,
    headers::Wishes,
    live::{encoded, told},
    problem::Problem,
    served::{Served, id, policy},
};
use agent::{AskLimits, BEST_OF_MAX, Mode};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use desk::{Asked, DeskError, NewTalk, Question, Scope, Talk, Visitor};
use futures_util::stream;
use protocol::{Answer, Status};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Longest time and most turns that a request may ask for.
const DEADLINE_MAX: Duration = Duration::from_secs(3600);
const TURNS_MAX: u32 = 100;
const DEADLINE: Duration = Duration::from_secs(600);
const INTERPRET_CHARS_MAX: usize = 2000;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionBody {
    /// What is asked.
    prompt: String,
    /// The model, by a name that this server knows; its default where it is absent.
    model: Option<String>,
    /// Files that the model's code finds in `/workspace`.
    #[serde(default)]
    files: Vec<GivenFile>,
    /// One of the caller's sandboxes, in which the code runs; otherwise one is made when there is code.
    sandbox: Option<String>,
    /// The answer after which this is asked: the model remembers what was said, the sandbox its files and variables.
    conversation: Option<String>,
    /// What code may do: open, standard or strict.
    policy: Option<String>,
    /// How often the first code is asked for at once: the first that succeeds is gone on with. Needs Python contexts that can be
    /// forked.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 8, default = 1)]
    best_of: u32,
    /// What the answer may cost.
    #[serde(default)]
    limits: AnswerLimits,
    /// Keep the sandbox for a later question, also where no file was made in it.
    #[serde(default)]
    keep: bool,
}

/// What one answer may cost. What is absent has the server's default, or no bound of its own.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerLimits {
    /// Replies of the model, 100 at most.
    #[schema(minimum = 1, maximum = 100)]
    turns: Option<u32>,
    /// Executions that may fail before the model has to answer with what it has: 3, and one more for each further `best_of`,
    /// where it is absent.
    #[schema(minimum = 1)]
    code_attempts: Option<u32>,
    /// Tokens, read and written.
    #[schema(minimum = 1)]
    tokens: Option<u64>,
    /// Dollars; only for models whose prices are known.
    cost_usd: Option<f64>,
    /// Milliseconds of wall time for everything, 3600000 at most.
    #[schema(minimum = 1, maximum = 3_600_000)]
    deadline_ms: Option<u64>,
}

fn one() -> u32 {
    1
}

impl AnswerLimits {
    fn read(&self, best_of: u32) -> Result<AskLimits, Problem> {
        let wrong = |name: &str, why: &str| Err(Problem::request(format!("use limits.{name}: {why}")));
        if !(1..=BEST_OF_MAX).contains(&best_of) {
            return Err(Problem::request(format!("use best_of: it is 1 to {BEST_OF_MAX}")));
        }
        let usual = AskLimits::best_of(best_of);
        let turns = self.turns.unwrap_or(usual.turns);
        if !(1..=TURNS_MAX).contains(&turns) {
            return wrong("turns", "there are 1 to 100");
        }
        let code_attempts = self.code_attempts.unwrap_or(usual.code_attempts);
        if code_attempts == 0 || self.tokens == Some(0) {
            return wrong("code_attempts and limits.tokens", "they are more than 0");
        }
        if self.cost_usd.is_some_and(|sum| !sum.is_finite() || sum <= 0.0) {
            return wrong("cost_usd", "it is more than 0");
        }
        let deadline = self.deadline_ms.map_or(DEADLINE, Duration::from_millis);
        if deadline.is_zero() || deadline > DEADLINE_MAX {
            return wrong("deadline_ms", "it is more than 0 and 3600000 at most");
        }
        let (tokens, cost_usd, deadline) = (self.tokens, self.cost_usd, Some(deadline));
        Ok(AskLimits { turns, code_attempts, tokens, cost_usd, deadline, ..usual })
    }
}

impl QuestionBody {
    fn question(self, served: &Served, mode: Option<Mode>) -> Result<Question, Problem> {
        let limits = self.limits.read(self.best_of)?;
        let talk = match &self.conversation {
            Some(last) => {
                let begun = self.model.is_some() || self.sandbox.is_some() || self.policy.is_some();
                if begun || !self.files.is_empty() {
                    let problem = Problem::request("change what a conversation began with");
                    return Err(problem.hint(
                        "a request with `conversation` has no `model`, `sandbox`, `policy` or `files`; put files into its sandbox with PUT",
                    ));
                }
                Talk::Continued(id(last)?)
            }
            None => Talk::New(Box::new(NewTalk {
                model: served.models.find(self.model.as_deref())?,
                mode,
                sandbox: self.sandbox.as_deref().map(id).transpose()?,
                room: served.room.clone(),
                files: self.files.into_iter().map(GivenFile::read).collect::<Result<_, _>>()?,
                policy: policy(self.policy.as_deref())?,
                libraries: served.models.libraries.clone(),
            })),
        };
        Ok(Question { prompt: self.prompt, limits, keep: self.keep, talk })
    }
}

/// Ask a model that runs code to find the answer.
///
/// The answer is an `Answer`, also where the model failed: its `status` says so. With `Accept: text/event-stream` it is
/// told as it is made; the last event is the answer. A client that goes away cancels it. Files that the code made stay in
/// the sandbox that the answer's executions name, for its time to live.
#[utoipa::path(
    post, path = "/v1/answers", tag = "answers", request_body = QuestionBody,
    responses(
        (status = 200, description = "It has ended", body = Answer),
    )
)]
pub async fn create(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(()): Only<()>,
    headers: HeaderMap,
    Json { value, .. }: Json<QuestionBody>,
) -> Result<Response, Problem> {
    check(&visitor)?;
    let asked = served.desk.ask(&visitor, value.question(&served, None)?).await?;
    match Wishes::read(&headers).live {
        true => Ok(live(asked)),
        false => Ok(axum::Json(end(asked).await?).into_response()),
    }
}

/// Answers cost what runs code costs, and the model.
fn check(visitor: &Visitor) -> Result<(), Problem> {
    visitor.check(Scope::Execute)?;
    Ok(visitor.check(Scope::Answer)?)
}

async fn end(asked: Asked) -> Result<Answer, Problem> {
    asked.answer().await.ok_or_else(|| DeskError::Closing.into())
}

fn live(asked: Asked) -> Response {
    let events = stream::unfold((asked, 0_u64), |(mut asked, count)| async move {
        let event = asked.next().await?;
        Some((encoded(count, &event), (asked, count + 1)))
    });
    told(events)
}

/// A question in the simple form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Interpret {
    /// What is asked, in 2,000 characters at most.
    prompt: String,
    /// The model, by a name that this server knows; its default where it is absent.
    model: Option<String>,
}

/// What became of it, in the simple form.
#[derive(Debug, Serialize, ToSchema)]
pub struct Interpreted {
    /// What was asked.
    prompt: String,
    /// The last code that the model wrote.
    code: String,
    /// Whether the policy denied it.
    blocked: bool,
    /// Why it was denied, or why there is no answer.
    errors: Vec<String>,
    /// Whether it ran and ended well.
    success: bool,
    /// What it printed.
    output: String,
    /// What went wrong in it.
    error: Option<String>,
    /// What it ended with; absent where nothing ran.
    exit_code: Option<i32>,
}

impl From<Answer> for Interpreted {
    fn from(answer: Answer) -> Interpreted {
        let failed = answer.error.map(|error| format!("cannot {}", error.message));
        let Some(last) = answer.executions.last() else {
            let errors: Vec<String> = failed.into_iter().collect();
            let (prompt, output, success) = (answer.prompt, answer.answer, errors.is_empty());
            let (code, blocked, error, exit_code) = Default::default();
            return Interpreted { prompt, code, blocked, errors, success, output, error, exit_code };
        };
        let outcome = &last.outcome;
        let blocked = outcome.status == Status::Denied;
        let findings = outcome.findings.iter().filter(|_| blocked).map(|finding| finding.message.clone());
        let error = outcome.error.as_ref().map(|error| format!("{}: {}", error.name, error.message));
        Interpreted {
            code: last.code.clone(),
            blocked,
            errors: findings.chain(failed).collect(),
            success: outcome.status == Status::Ok,
            output: outcome.stdout.clone(),
            error,
            exit_code: Some(outcome.exit_code),
            prompt: answer.prompt,
        }
    }
}

/// Ask for one program and run it: the simple form, as tutorials have it.
///
/// The model writes a program, whose output is the answer; where it fails, the model may repair it.
#[utoipa::path(
    post, path = "/interpret", tag = "answers", request_body = Interpret,
    responses(
        (status = 200, description = "What became of it", body = Interpreted),
    )
)]
pub async fn interpret(
    State(served): State<Served>,
    Extension(visitor): Extension<Visitor>,
    Only(()): Only<()>,
    Json { value, .. }: Json<Interpret>,
) -> Result<axum::Json<Interpreted>, Problem> {
    check(&visitor)?;
    if value.prompt.chars().count() > INTERPRET_CHARS_MAX {
        let what = format!("ask this: it has more than {INTERPRET_CHARS_MAX} characters");
        return Err(
            Problem::new(StatusCode::BAD_REQUEST, "request", what).hint("POST /v1/answers takes more")
        );
    }
    let body = QuestionBody {
        prompt: value.prompt,
        model: value.model,
        files: Vec::new(),
        sandbox: None,
        conversation: None,
        policy: None,
        best_of: 1,
        limits: AnswerLimits::default(),
        keep: false,
    };
    let asked = served.desk.ask(&visitor, body.question(&served, Some(Mode::Direct))?).await?;
    Ok(axum::Json(end(asked).await?.into()))
}
