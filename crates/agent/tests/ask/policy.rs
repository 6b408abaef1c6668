//! Denied code: no sandbox, the findings, two more rounds, then an answer without code.

use crate::scene::{Scene, ask, end, read, script};
use agent::{
    AskLimits,
    model::scripted::{calls, runs, says},
};
use protocol::{AgentEvent, AnswerStatus, Status};
use serde_json::json;
use std::sync::atomic::Ordering;

const DENIED: &str = "import os\nos.system('ls')";

#[tokio::test]
async fn a_denial_costs_no_sandbox_and_says_why() {
    let model = script([runs(DENIED), says("I may not.")]);
    let scene = Scene::fake(model.clone()).policy("strict");
    let made = scene.made.clone();
    let (answer, events) = ask(scene, "q", AskLimits::default()).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "I may not."));
    assert_eq!((made.load(Ordering::Relaxed), answer.code_attempts), (0, 0));
    let [run] = answer.executions.as_slice() else { panic!("{:?}", answer.executions) };
    assert_eq!((run.outcome.status, run.outcome.exit_code, run.attempt), (Status::Denied, 126, 1));
    assert!(!run.outcome.findings.is_empty());
    let text = read(&model, 1);
    assert!(text.contains("status: denied (") && text.contains("rule import-not-allowed, line 1"), "{text}");
    let order: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Code { .. } => Some("code"),
            AgentEvent::Verdict { denied, findings, .. } => {
                assert!(*denied && !findings.is_empty());
                Some("verdict")
            }
            AgentEvent::Execution { .. } => Some("execution"),
            AgentEvent::Turn { .. } => Some("turn"),
            _ => None,
        })
        .collect();
    assert_eq!(&order[..2], ["code", "verdict"], "{order:?}");
    assert_eq!(order.iter().filter(|word| **word == "turn").count(), 2, "{order:?}");
}

#[tokio::test]
async fn denied_rounds_run_out() {
    let model =
        script([runs(DENIED), runs(DENIED), runs(DENIED), runs("print a"), says("It is not allowed.")]);
    let scene = Scene::fake(model.clone()).policy("strict");
    let made = scene.made.clone();
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    assert_eq!(end(&answer), (AnswerStatus::Degraded, None, "It is not allowed."));
    assert_eq!((answer.executions.len(), made.load(Ordering::Relaxed)), (3, 0));
    assert!(!read(&model, 2).contains("No more code") && read(&model, 3).contains("No more code"));
    assert!(read(&model, 4).contains("not_run (NoMoreCode)"));
}

#[tokio::test]
async fn two_denials_in_one_turn_are_one_round() {
    let twice = calls([("run_code", json!({"code": DENIED})), ("run_code", json!({"code": DENIED}))]);
    let model = script([twice, runs("print"), says("a")]);
    let limits = AskLimits { denied_rounds: 1, ..AskLimits::default() };
    let (answer, _) = ask(Scene::fake(model).policy("strict"), "q", limits).await;
    // One round was allowed, and `print` is Python and an order of the fake's at once.
    assert_eq!((end(&answer).0, answer.executions.len()), (AnswerStatus::Ok, 3));
}
