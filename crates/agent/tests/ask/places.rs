//! Sandboxes and contexts: made late, kept, lost, replaced; calls side by side.

use crate::scene::{Scene, ask, broken, end, hear, read, script};
use agent::{
    AskLimits, Chat,
    model::{
        Message,
        scripted::{calls, runs, says},
    },
};
use protocol::{AgentEvent, AnswerStatus, EventKind, Status};
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn no_code_needs_no_sandbox() {
    let scene = Scene::fake(script([says("hello")]));
    let made = scene.made.clone();
    let (answer, _) = ask(scene, "hi", AskLimits::default()).await;
    assert_eq!((end(&answer), made.load(Ordering::Relaxed)), ((AnswerStatus::Ok, None, "hello"), 0));
}

#[tokio::test]
async fn state_is_kept_for_the_next_turn_and_the_next_question() {
    let model = script([runs("set x 42"), runs("get x"), says("42"), runs("get x"), says("still 42")]);
    let scene = Scene::fake(model.clone());
    let made = scene.made.clone();
    let chat = Chat::new(scene.setup);
    let (first, _) = hear(&chat, "one", AskLimits::default()).await;
    let (second, _) = hear(&chat, "two", AskLimits::default()).await;
    assert_eq!((end(&first).2, end(&second).2), ("42", "still 42"));
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert!(read(&model, 4).contains("<result>\n42\n</result>"), "{}", read(&model, 4));
    assert_eq!(
        (second.code_attempts, second.turns.len(), second.executions[0].attempt),
        (1, 2, 1),
        "counted anew"
    );
    assert_ne!(first.id, second.id);
    assert!(chat.sandbox().await.is_some());
}

#[tokio::test]
async fn calls_side_by_side_are_answered_together_and_in_order() {
    let three = calls([
        ("run_code", json!({"code": "set x 1"})),
        ("run_code", json!({"code": "raise E no"})),
        ("run_code", json!({"code": "get x"})),
    ]);
    let model = script([three, says("1")]);
    let (answer, events) = ask(Scene::fake(model.clone()), "q", AskLimits::default()).await;
    assert_eq!((end(&answer).0, answer.code_attempts), (AnswerStatus::Ok, 3));
    let seen = model.seen();
    let Some(Message::Results(results)) = seen[1].messages.last() else { panic!("{:?}", seen[1].messages) };
    let told: Vec<_> = results.iter().map(|result| (result.call.as_str(), result.failed)).collect();
    assert_eq!(told, [("call_1", false), ("call_2", true), ("call_3", false)]);
    assert_eq!(answer.turns[0].executions.len(), 3);
    assert_eq!(answer.executions.iter().map(|run| run.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let ends = events.iter().filter(|event| {
        matches!(event, AgentEvent::Execution { event, .. } if matches!(event.kind, EventKind::End { .. }))
    });
    assert_eq!(ends.count(), 3);
}

#[tokio::test]
async fn a_broken_call_is_answered_and_not_carried_out() {
    let mut reply = runs("print a");
    let cut = agent::model::BrokenCall {
        id: "b".into(),
        name: "run_code".into(),
        why: "The arguments are no JSON".into(),
    };
    reply.broken_calls.push(cut);
    let model = script([reply, says("a")]);
    let (answer, _) = ask(Scene::fake(model.clone()), "q", AskLimits::default()).await;
    assert_eq!((answer.executions.len(), end(&answer).2), (1, "a"));
    let text = read(&model, 1);
    assert!(text.contains("not_run (BrokenCall)") && text.contains("status: ok"), "{text}");
}

#[tokio::test]
async fn a_context_that_dies_is_replaced_and_told_of() {
    let model = script([
        runs("set x 1\nwrite a.txt hello"),
        runs("die 11"),
        runs("get x"),
        runs("cat a.txt"),
        says("gone"),
    ]);
    let scene = Scene::fake(model.clone());
    let made = scene.made.clone();
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    let statuses: Vec<_> = answer.executions.iter().map(|run| run.outcome.status).collect();
    assert_eq!(statuses, [Status::Ok, Status::Killed, Status::Error, Status::Ok]);
    assert!(read(&model, 2).contains("variables and imports are lost"), "{}", read(&model, 2));
    assert!(!read(&model, 3).contains("imports are lost"), "told once");
    assert_eq!((end(&answer).2, made.load(Ordering::Relaxed)), ("gone", 1), "the sandbox stays");
}

#[tokio::test]
async fn a_sandbox_that_dies_between_questions_is_replaced_and_told_of() {
    let model = script([runs("set x 1"), says("ok"), runs("get x"), says("gone")]);
    let scene = Scene::fake(model.clone());
    let made = scene.made.clone();
    let chat = Chat::new(scene.setup);
    hear(&chat, "one", AskLimits::default()).await;
    chat.sandbox().await.unwrap().destroy().await;
    let (answer, _) = hear(&chat, "two", AskLimits::default()).await;
    assert_eq!((end(&answer).2, made.load(Ordering::Relaxed)), ("gone", 2));
    assert!(
        read(&model, 3).contains("The sandbox is gone with its variables and files"),
        "{}",
        read(&model, 3)
    );
}

#[tokio::test]
async fn without_a_sandbox_the_answer_ends() {
    let mut scene = Scene::fake(script([calls([
        ("run_code", json!({"code": "print a"})),
        ("run_code", json!({"code": "print b"})),
    ])]));
    scene.setup.sandbox = broken("start a sandbox: no namespaces");
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    assert_eq!(end(&answer), (AnswerStatus::SandboxFailed, Some("no_room"), ""));
    assert_eq!((answer.code_attempts, answer.executions.len(), answer.turns.len()), (0, 1, 1));
    assert_eq!(answer.executions[0].outcome.status, Status::Lost);
    assert_eq!(answer.error.unwrap().message, "start a sandbox: no namespaces");
}

#[tokio::test]
async fn what_code_cannot_cure_burns_no_attempt_and_ends_soon() {
    let limits = AskLimits { code_attempts: 1, ..AskLimits::default() };
    let dies = || runs("print now\nhang");
    let model = script([dies(), runs("print a"), dies(), dies(), says("never")]);
    let scene = Scene::fake(model.clone());
    let latest = scene.latest.clone();
    let mut answering = Chat::new(scene.setup).ask("q", limits);
    while let Some(event) = answering.next().await {
        let AgentEvent::Execution { event, .. } = event else { continue };
        if event.kind == (EventKind::Stdout { text: "now\n".to_owned() }) {
            let sandbox = latest.lock().unwrap().upgrade().unwrap();
            sandbox.destroy().await;
        }
    }
    let answer = answering.answer().await;
    let statuses: Vec<_> = answer.executions.iter().map(|run| run.outcome.status).collect();
    assert_eq!(statuses, [Status::Lost, Status::Ok, Status::Lost, Status::Lost]);
    assert_eq!(end(&answer), (AnswerStatus::SandboxFailed, Some("sandbox_failed"), ""));
    let text = read(&model, 1);
    assert!(text.contains("retryable: no") && !text.contains("No more code"), "{text}");
    assert!(text.contains("The sandbox is gone"), "{text}");
}
