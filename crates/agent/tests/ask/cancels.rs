//! Whoever gives up gets what there is, soon; whoever goes away stops everything.

use crate::scene::{Scene, end, hear, script};
use agent::{
    Answering, AskLimits, Chat,
    model::{
        Message,
        scripted::{Scripted, Step, calls, runs, says},
    },
};
use protocol::{AgentEvent, AnswerStatus, Status};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

async fn until(answering: &mut Answering, wanted: impl Fn(&AgentEvent) -> bool) {
    while let Some(event) = answering.next().await {
        if wanted(&event) {
            return;
        }
    }
    panic!("it ended before");
}

#[tokio::test]
async fn a_model_call_is_cancelled() {
    let steps = [Step::Reply(runs("print a")), Step::Silence, Step::Reply(says("later"))];
    let chat = Chat::new(Scene::fake(Arc::new(Scripted::new(steps))).setup);
    let mut answering = chat.ask("q", AskLimits::default());
    until(&mut answering, |event| matches!(event, AgentEvent::Turn { .. })).await;
    answering.cancel();
    let answer = answering.answer().await;
    assert_eq!(end(&answer), (AnswerStatus::Cancelled, Some("cancelled"), ""));
    assert_eq!((answer.turns.len(), answer.executions.len()), (1, 1), "what there is");
    let (answer, _) = hear(&chat, "again", AskLimits::default()).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "later"), "the chat goes on");
}

#[tokio::test]
async fn an_execution_is_cancelled_and_every_call_is_answered() {
    let both =
        calls([("run_code", json!({"code": "print a\nhang"})), ("run_code", json!({"code": "print b"}))]);
    let model = script([both, says("later")]);
    let chat = Chat::new(Scene::fake(model.clone()).setup);
    let mut answering = chat.ask("q", AskLimits::default());
    until(&mut answering, |event| matches!(event, AgentEvent::Execution { .. })).await;
    let begun = Instant::now();
    answering.cancel();
    let answer = answering.answer().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(end(&answer), (AnswerStatus::Cancelled, Some("cancelled"), ""));
    let [run] = answer.executions.as_slice() else { panic!("{:?}", answer.executions) };
    assert_eq!((run.outcome.status, run.outcome.stdout.as_str()), (Status::Cancelled, "a\n"));
    hear(&chat, "again", AskLimits::default()).await;
    let seen = model.seen();
    let results = seen[1].messages.iter().find_map(|message| match message {
        Message::Results(results) => Some(results.len()),
        _ => None,
    });
    assert_eq!(results, Some(2), "a provider wants every call answered");
}

#[tokio::test]
async fn waiting_for_a_sandbox_is_cancelled() {
    let mut scene = Scene::fake(script([runs("print a")]));
    scene.setup.sandbox = Box::new(|| Box::pin(std::future::pending()));
    let chat = Chat::new(scene.setup);
    let mut answering = chat.ask("q", AskLimits::default());
    until(&mut answering, |event| matches!(event, AgentEvent::Verdict { .. })).await;
    answering.cancel();
    assert_eq!(end(&answering.answer().await).0, AnswerStatus::Cancelled);
}

#[tokio::test]
async fn dropping_the_answer_stops_what_is_under_way() {
    let model = script([runs("print a\nhang"), says("next")]);
    let chat = Chat::new(Scene::fake(model.clone()).setup);
    let mut answering = chat.ask("q", AskLimits::default());
    until(&mut answering, |event| matches!(event, AgentEvent::Execution { .. })).await;
    drop(answering);
    let next = tokio::time::timeout(Duration::from_secs(5), hear(&chat, "next", AskLimits::default())).await;
    assert_eq!(end(&next.unwrap().0).2, "next", "the code was interrupted, the chat is free");
}

#[tokio::test]
async fn an_answer_can_be_cancelled_before_it_begins() {
    let chat = Chat::new(Scene::fake(Arc::new(Scripted::new([Step::Silence]))).setup);
    let answering = chat.ask("q", AskLimits::default());
    answering.cancel();
    assert_eq!(end(&answering.answer().await).0, AnswerStatus::Cancelled);
}
