//! Best of several: replies to the same conversation, their code in forks of the same state.

use crate::scene::{Scene, ask, end, hear, read, script};
use agent::{
    AskLimits, Chat,
    model::{
        Message,
        scripted::{Scripted, Step, calls, runs, says},
    },
};
use protocol::{AgentEvent, AnswerStatus, EventKind, Status};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const FAILS: &str = "x = 'first'; open('a.txt', 'w').write(x)\nx += 1";
/// Slower than what fails.
const SUCCEEDS: &str = "import time; time.sleep(1); x = 'second' + y; open('b.txt', 'w').write(x)\nprint(x)";

fn best_of(best_of: u32) -> AskLimits {
    AskLimits::best_of(best_of)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_that_succeeds_is_gone_on_with() {
    let model = script([
        runs("y = '!'; open('y.txt', 'w').close()"),
        says("ready"),
        runs(FAILS),
        runs(SUCCEEDS),
        runs("import os; print(x, sorted(os.listdir()))"),
        says("done"),
    ]);
    let test = "race::the_first_that_succeeds_is_gone_on_with";
    let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
    let latest = scene.latest.clone();
    let chat = Chat::new(scene.setup);
    hear(&chat, "one", AskLimits::default()).await;
    let (answer, events) = hear(&chat, "two", best_of(2)).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "done"), "{:?}", answer.executions);
    let tried: Vec<_> = answer
        .executions
        .iter()
        .map(|run| (run.call.as_str(), run.attempt, run.outcome.status, run.outcome.stdout.as_str()))
        .collect();
    let expected = [
        ("1:code", 1, Status::Error, ""),
        ("call_1", 2, Status::Ok, "second!\n"),
        ("call_1", 3, Status::Ok, "second! ['b.txt', 'y.txt']\n"),
    ];
    assert_eq!(tried, expected);
    // Both replies are paid for, in the turn that they belong to.
    assert_eq!((answer.turns.len(), answer.code_attempts, answer.usage.total()), (3, 3, 440));
    assert_eq!((answer.turns[0].tokens.total(), answer.turns[0].executions.len()), (220, 2));
    // The model reads of its own reply only.
    let seen = model.seen();
    assert_eq!(seen[2].messages, seen[3].messages, "from the same conversation");
    assert!(
        !read(&model, 4).contains("TypeError") && read(&model, 4).contains("second!"),
        "{}",
        read(&model, 4)
    );
    assert_eq!(seen[4].messages.iter().filter(|message| matches!(message, Message::Model(_))).count(), 3);
    // Each execution is told as one.
    let told = events.iter().filter_map(|event| match event {
        AgentEvent::Code { call, .. } => Some(format!("code {call}")),
        AgentEvent::Execution { call, event } if matches!(event.kind, EventKind::End { .. }) => {
            Some(format!("end {call}"))
        }
        _ => None,
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told[..4], ["code 1:code", "end 1:code", "code call_1", "end call_1"]);
    // Nothing is left of the other, and the files are where they always were.
    let sandbox = latest.lock().unwrap().upgrade().unwrap();
    for run in &answer.executions[..2] {
        assert!(sandbox.context(run.outcome.context.as_ref().unwrap()).is_err(), "{:?}", run.outcome);
    }
    let mut read = Vec::new();
    sandbox.files().read("b.txt", &mut read).await.unwrap();
    assert_eq!(read, b"second!");
    assert!(sandbox.files().stat("a.txt").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_slower_ends_with_the_race() {
    let deaf = "import time\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass";
    let script =
        [runs("import time; time.sleep(60)"), runs(deaf), runs("import time; time.sleep(1); print(1)")]
            .map(Step::Reply);
    // One is still being thought of.
    let steps = script.into_iter().chain([Step::Silence, Step::Reply(says("1"))]);
    let model = Arc::new(Scripted::new(steps));
    let Some(scene) = Scene::native("race::what_is_slower_ends_with_the_race", "python", model.clone())
    else {
        return;
    };
    let began = Instant::now();
    let (answer, _) = ask(scene, "q", best_of(4)).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "1"));
    let tried: Vec<_> = answer.executions.iter().map(|run| (run.call.as_str(), run.outcome.status)).collect();
    assert_eq!(tried, [("1:code", Status::Cancelled), ("2:code", Status::Cancelled), ("call_1", Status::Ok)]);
    assert_eq!(answer.usage.total(), 440, "what never came costs nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_none_succeeds_the_first_is_repaired() {
    for (undo_failed, printed) in [(true, "False []\n"), (false, "True ['a.txt']\n")] {
        let repair = "import os; print('x' in globals(), os.listdir())";
        let model = script([runs(FAILS), runs("1 / 0"), runs("import nothing"), runs(repair), says("done")]);
        let test = "race::where_none_succeeds_the_first_is_repaired";
        let Some(mut scene) = Scene::native(test, "python", model.clone()) else { return };
        scene.setup.undo_failed = undo_failed;
        let (answer, _) = ask(scene, "q", best_of(3)).await;
        assert_eq!(end(&answer), (AnswerStatus::Ok, None, "done"), "{:?}", answer.executions);
        let tried: Vec<_> = answer.executions.iter().map(|run| run.call.as_str()).collect();
        assert_eq!(tried, ["2:code", "3:code", "call_1", "call_1"]);
        assert_eq!(answer.executions[3].outcome.stdout, printed);
        let told = read(&model, 3);
        assert!(told.contains("TypeError") && !told.contains("ZeroDivision"), "{told}");
        assert_eq!(told.contains("This code was undone"), undo_failed);
        assert!(!told.contains("No more code"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_all_count_and_what_ran_is_kept_all_the_same() {
    let model = script([runs("1 / 0"), runs("import time; time.sleep(1); print(1)"), says("one")]);
    let test = "race::failures_of_all_count_and_what_ran_is_kept_all_the_same";
    let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
    let (answer, _) = ask(scene, "q", AskLimits { code_attempts: 1, ..best_of(2) }).await;
    assert_eq!(end(&answer), (AnswerStatus::Degraded, None, "one"));
    assert_eq!(answer.executions[1].outcome.stdout, "1\n");
    assert!(read(&model, 2).contains("No more code will be run"), "{}", read(&model, 2));
    // Tokens that two replies need are not there: what ran is in the answer all the same.
    let model = script([runs("1 / 0"), runs("import time; time.sleep(1); print(1)")]);
    let Some(scene) = Scene::native(test, "python", model) else { return };
    let (answer, _) = ask(scene, "q", AskLimits { tokens: Some(200), ..best_of(2) }).await;
    assert_eq!(end(&answer), (AnswerStatus::TokenLimit, Some("token_limit"), ""));
    assert_eq!((answer.executions.len(), answer.usage.total()), (2, 220));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_without_python_win_only_where_no_code_does() {
    let bash = || calls([("run_code", json!({"code": "echo bash", "language": "bash"}))]);
    let test = "race::replies_without_python_win_only_where_no_code_does";
    let table = [
        (vec![says("I guess 2."), runs("print(1)"), says("1")], vec!["1\n"], "1"),
        (vec![says("I guess 2."), runs("1 / 0")], vec![""], "I guess 2."),
        (vec![bash(), runs("1 / 0"), says("b")], vec!["", "bash\n"], "b"),
    ];
    for (replies, printed, text) in table {
        let Some(scene) = Scene::native(test, "python", script(replies)) else { return };
        let (answer, _) = ask(scene, "q", best_of(2)).await;
        let outputs: Vec<_> = answer.executions.iter().map(|run| run.outcome.stdout.as_str()).collect();
        assert_eq!((end(&answer).2, outputs), (text, printed));
    }
    let direct = |code: &str| says(&format!("```python\n{code}\n```"));
    let Some(mut scene) = Scene::native(test, "python", script([direct("1 / 0"), direct("print(3)")])) else {
        return;
    };
    scene.setup.mode = Some(agent::Mode::Direct);
    let (answer, _) = ask(scene, "q", best_of(2)).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_race_ends_and_the_chat_goes_on() {
    let up = "print('up', flush=True)\nimport time; time.sleep(60)";
    let model = script([runs("x = 1"), says("ok"), runs(up), runs(up), runs("print(x)"), says("1")]);
    let test = "race::a_cancelled_race_ends_and_the_chat_goes_on";
    let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
    let chat = Chat::new(scene.setup);
    hear(&chat, "one", AskLimits::default()).await;
    let answering = chat.ask("two", best_of(2));
    while model.seen().len() < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    answering.cancel();
    let began = Instant::now();
    let answer = answering.answer().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(end(&answer), (AnswerStatus::Cancelled, Some("cancelled"), ""));
    let statuses: Vec<_> = answer.executions.iter().map(|run| run.outcome.status).collect();
    assert_eq!((statuses.as_slice(), answer.usage.total()), (&[Status::Cancelled; 2][..], 220));
    let sandbox = chat.sandbox().await.unwrap();
    for run in &answer.executions {
        assert!(sandbox.context(run.outcome.context.as_ref().unwrap()).is_err());
    }
    let (answer, _) = hear(&chat, "three", AskLimits::default()).await;
    assert_eq!(answer.executions[0].outcome.stdout, "1\n");
}

#[tokio::test]
async fn where_nothing_can_be_forked_nothing_is_asked() {
    let model = script([says("never")]);
    let (answer, _) = ask(Scene::fake(model.clone()), "q", best_of(2)).await;
    assert_eq!(end(&answer), (AnswerStatus::SandboxFailed, Some("fork_unsupported"), ""));
    let error = answer.error.unwrap();
    assert_eq!(
        error.message,
        "ask for the best of 2: cannot fork a context: the backend fake cannot do that"
    );
    assert!(error.hint.unwrap().ends_with("; or ask for one reply only"));
    assert!(model.seen().is_empty() && answer.turns.is_empty());
}
