//! Every budget ends an answer in its own way, and none of them in an endless loop.

use crate::scene::{Scene, ask, end, read, script};
use agent::{
    AskLimits,
    model::{
        FailureKind, Prices, Reply, Traits,
        scripted::{Scripted, Step, calls, failure, runs, says},
    },
};
use protocol::{AgentEvent, AnswerStatus, Stop, Tokens};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

fn limits() -> AskLimits {
    AskLimits::default()
}

fn stopped(stop: Stop, text: &str) -> Reply {
    Reply { stop, ..says(text) }
}

#[tokio::test]
async fn turns_end_after_the_model_was_told() {
    let limits = AskLimits { turns: 3, ..limits() };
    let model = script([runs("print a"), runs("print b"), runs("print c")]);
    let (answer, events) = ask(Scene::fake(model.clone()), "q", limits.clone()).await;
    assert_eq!(end(&answer), (AnswerStatus::TurnLimit, Some("turn_limit"), ""));
    assert_eq!((answer.turns.len(), answer.code_attempts), (3, 2), "code of the last turn does not run");
    assert!(!read(&model, 1).contains("last turn") && read(&model, 2).contains("This is your last turn"));
    assert_eq!(events.iter().filter(|event| matches!(event, AgentEvent::Turn { .. })).count(), 3);

    let model = script([runs("print a"), runs("print b"), says("I have a and b.")]);
    let (answer, _) = ask(Scene::fake(model), "q", limits).await;
    assert_eq!(end(&answer), (AnswerStatus::Degraded, None, "I have a and b."));
}

#[tokio::test]
async fn one_turn_is_an_answer() {
    let model = script([says("four")]);
    let (answer, _) = ask(Scene::fake(model.clone()), "2+2?", AskLimits { turns: 1, ..limits() }).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "four"));
    assert!(read(&model, 0).contains("last turn"));
    let (answer, _) = ask(Scene::fake(script([])), "2+2?", AskLimits { turns: 0, ..limits() }).await;
    assert_eq!(end(&answer), (AnswerStatus::TurnLimit, Some("turn_limit"), ""));
}

#[tokio::test]
async fn failures_end_in_a_degraded_answer() {
    let replies =
        [runs("raise A 1"), runs("raise B 2"), runs("raise C 3"), runs("print d"), says("I could not.")];
    let model = script(replies);
    let (answer, _) = ask(Scene::fake(model.clone()), "q", limits()).await;
    assert_eq!(end(&answer), (AnswerStatus::Degraded, None, "I could not."));
    assert_eq!((answer.code_attempts, answer.executions.len()), (3, 3));
    assert!(!read(&model, 2).contains("No more code") && read(&model, 3).contains("No more code"));
    assert!(read(&model, 4).contains("status: not_run (NoMoreCode)"));
    assert!(model.seen().iter().all(|seen| seen.tools.len() == 1), "tools stay, for the provider's cache");
}

#[tokio::test]
async fn successes_between_failures_do_not_forgive_them() {
    let model = script([runs("raise A 1"), runs("print a"), runs("raise B 2"), says("b failed")]);
    let (answer, _) = ask(Scene::fake(model), "q", AskLimits { code_attempts: 2, ..limits() }).await;
    assert_eq!(end(&answer), (AnswerStatus::Degraded, None, "b failed"));
}

#[tokio::test]
async fn the_same_error_twice_gets_advice() {
    let model = script([runs("raise A 1"), runs("print x\nraise A 1"), says("no")]);
    ask(Scene::fake(model.clone()), "q", limits()).await;
    assert!(
        !read(&model, 1).contains("same error")
            && read(&model, 2).contains("This is the same error as before")
    );
    let model = script([runs("raise A 1"), runs("raise A 2"), says("no")]);
    ask(Scene::fake(model.clone()), "q", limits()).await;
    assert!(!read(&model, 2).contains("same error"), "another message is another error");
}

#[tokio::test]
async fn tokens_and_dollars() {
    let prices = Prices { input: 1000.0, output: 1000.0, cache_read: 1000.0, cache_write: 1000.0 };
    let priced = Traits { tools: true, images: false, prices: Some(prices) };
    let free = Traits { prices: None, ..priced.clone() };
    // Each reply has 110 tokens, which is $0.11.
    for (limits, traits, status, code, turns) in [
        (AskLimits { tokens: Some(329), ..limits() }, &free, AnswerStatus::TokenLimit, "token_limit", 2),
        (AskLimits { tokens: Some(110), ..limits() }, &free, AnswerStatus::TokenLimit, "token_limit", 1),
        (AskLimits { cost_usd: Some(0.329), ..limits() }, &priced, AnswerStatus::CostLimit, "cost_limit", 2),
        (AskLimits { cost_usd: Some(1.0), ..limits() }, &free, AnswerStatus::CostLimit, "prices_unknown", 0),
    ] {
        let replies = [runs("print a"), runs("print b"), runs("print c"), says("end")].map(Step::Reply);
        let model = Arc::new(Scripted::with(traits.clone(), replies));
        let (answer, _) = ask(Scene::fake(model.clone()), "q", limits.clone()).await;
        assert_eq!(end(&answer), (status, Some(code), ""), "{limits:?}");
        assert_eq!((answer.turns.len(), model.seen().len()), (turns, turns), "{limits:?}");
        let dollars = traits.prices.map(|_| 0.11 * turns as f64);
        assert!(answer.cost_usd.zip(dollars).is_none_or(|(cost, dollars)| (cost - dollars).abs() < 1e-9));
        assert_eq!(answer.cost_usd.is_some(), dollars.is_some(), "{limits:?}");
        assert_eq!(answer.usage.total(), 110 * turns as u64, "{limits:?}");
    }
    let model = script([runs("print a"), says("end")]);
    let (answer, _) = ask(Scene::fake(model), "q", AskLimits { tokens: Some(220), ..limits() }).await;
    assert_eq!(
        end(&answer),
        (AnswerStatus::Ok, None, "end"),
        "a limit that is reached by the answer is kept"
    );
}

#[tokio::test]
async fn a_deadline_covers_model_and_code() {
    let short = AskLimits { deadline: Some(Duration::from_millis(300)), ..limits() };
    let silent = Arc::new(Scripted::new([Step::Silence]));
    let hangs = script([runs("hang"), says("never")]);
    for (name, scene) in [("model", Scene::fake(silent)), ("code", Scene::fake(hangs))] {
        let begun = Instant::now();
        let (answer, _) = ask(scene, "q", short.clone()).await;
        assert_eq!(end(&answer), (AnswerStatus::Deadline, Some("deadline"), ""), "{name}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{name}: {:?}", begun.elapsed());
        assert_eq!(answer.executions.len(), usize::from(name == "code"));
    }
    let mut scene = Scene::fake(script([runs("print a")]));
    scene.setup.sandbox = Box::new(|| Box::pin(std::future::pending()));
    let (answer, _) = ask(scene, "q", short).await;
    assert_eq!(end(&answer), (AnswerStatus::Deadline, Some("deadline"), ""), "sandbox");
}

#[tokio::test]
async fn replies_that_are_cut_get_more_room_once() {
    let cut = || {
        let broken =
            agent::model::BrokenCall { id: "b".into(), name: "run_code".into(), why: "cut off".into() };
        Reply {
            broken_calls: vec![broken],
            tokens: Tokens { output: 500, ..Tokens::default() },
            ..stopped(Stop::MaxTokens, "I")
        }
    };
    let model = script([cut(), says("whole")]);
    let scene = Scene::fake(model.clone());
    let made = scene.made.clone();
    let (answer, events) = ask(scene, "q", limits()).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "whole"));
    let seen = model.seen();
    assert_eq!((seen[0].reply_tokens_max, seen[1].reply_tokens_max), (None, Some(1000)));
    assert_eq!(seen[0].messages, seen[1].messages, "the cut reply is not part of the conversation");
    assert!(
        events.iter().any(|event| matches!(event, AgentEvent::Retry { turn: 1, discards_text: true, .. }))
    );

    let (answer, _) = ask(Scene::fake(script([cut(), cut()])), "q", limits()).await;
    assert_eq!(end(&answer), (AnswerStatus::Truncated, Some("reply_too_long"), "I\n\nI"));
    assert!(
        answer.executions.is_empty() && made.load(std::sync::atomic::Ordering::Relaxed) == 0,
        "nothing cut runs"
    );

    let rejected = failure(FailureKind::Rejected, "send this: max_tokens is too large");
    let model = Arc::new(Scripted::new([Step::Reply(cut()), Step::Failure(rejected)]));
    let (answer, _) = ask(Scene::fake(model), "q", limits()).await;
    assert_eq!(end(&answer).1, Some("reply_too_long"), "the model may not write as much");
}

#[tokio::test]
async fn ends_that_the_model_chooses() {
    let refusal = |category: Option<&str>| stopped(Stop::Refusal(category.map(str::to_owned)), "");
    let pause = || stopped(Stop::Pause, "one ");
    type Case = (&'static str, Vec<Reply>, AnswerStatus, Option<&'static str>, &'static str);
    let cases: [Case; 8] = [
        ("refusal", vec![refusal(Some("cyber"))], AnswerStatus::Refused, Some("refused"), ""),
        ("bare refusal", vec![refusal(None)], AnswerStatus::Refused, Some("refused"), ""),
        (
            "context",
            vec![stopped(Stop::ContextWindow, "a")],
            AnswerStatus::Truncated,
            Some("context_window"),
            "a",
        ),
        ("pauses", vec![pause(), pause(), says("two")], AnswerStatus::Ok, None, "one one two"),
        (
            "pauses for ever",
            (0..10).map(|_| pause()).collect(),
            AnswerStatus::TurnLimit,
            Some("turn_limit"),
            PAUSES,
        ),
        ("nothing twice", vec![says(""), says(" \n")], AnswerStatus::ModelFailed, Some("model_empty"), ""),
        ("nothing once", vec![says(""), says("then")], AnswerStatus::Ok, None, "then"),
        ("other stop", vec![stopped(Stop::Other("odd".into()), "fine")], AnswerStatus::Ok, None, "fine"),
    ];
    for (name, replies, status, code, text) in cases {
        let turns = replies.len();
        let (answer, _) = ask(Scene::fake(script(replies)), "q", limits()).await;
        assert_eq!(end(&answer), (status, code, text), "{name}");
        assert_eq!(answer.turns.len(), turns, "{name}");
    }
}

const PAUSES: &str = "one\n\none\n\none\n\none\n\none\n\none\n\none\n\none\n\none\n\none";

#[tokio::test]
async fn a_pause_is_sent_back_unchanged() {
    let model = script([stopped(Stop::Pause, "one "), says("two")]);
    ask(Scene::fake(model.clone()), "q", limits()).await;
    let seen = model.seen();
    assert_eq!(seen[1].messages.len(), 2, "the question and the pause, nothing else: {:?}", seen[1].messages);
}

#[tokio::test]
async fn failures_of_models_are_told_and_counted() {
    let tokens = Tokens { input: 7, ..Tokens::default() };
    let storm = agent::model::Failure {
        tokens,
        hint: Some("wait".into()),
        ..failure(FailureKind::Overloaded, "ask: 529")
    };
    let steps = [Step::Reply(runs("print a")), Step::Failure(storm)];
    let (answer, _) = ask(Scene::fake(Arc::new(Scripted::new(steps))), "q", limits()).await;
    assert_eq!(end(&answer), (AnswerStatus::ModelFailed, Some("model_overloaded"), ""));
    assert_eq!((answer.usage.input, answer.turns.len(), answer.executions.len()), (107, 1, 1));
    assert_eq!(answer.error.unwrap().hint.as_deref(), Some("wait"));
}

#[tokio::test]
async fn calls_that_make_no_sense_cost_turns_only() {
    let nonsense =
        || calls([("python", json!({"code": "print a"})), ("run_code", json!({"cod": "print a"}))]);
    let model = script((0..10).map(|_| nonsense()));
    let scene = Scene::fake(model.clone());
    let made = scene.made.clone();
    let (answer, _) = ask(scene, "q", limits()).await;
    assert_eq!(end(&answer).0, AnswerStatus::TurnLimit);
    assert_eq!((answer.code_attempts, made.load(std::sync::atomic::Ordering::Relaxed)), (0, 0));
    let text = read(&model, 1);
    assert!(text.contains("not_run (UnknownTool)") && text.contains("not_run (BadArguments)"), "{text}");
}
