//! Failed code leaves nothing behind, where the state before it could be kept.

use crate::scene::{Scene, ask, end, hear, read, script};
use agent::{
    AskLimits, Chat,
    model::scripted::{calls, runs, says},
};
use protocol::{AnswerStatus, Status};
use serde_json::json;

const UNDONE: &str = "This code was undone";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_attempt_begins_where_the_failed_one_did() {
    let bash = |code: &str| calls([("run_code", json!({"code": code, "language": "bash"}))]);
    let model = script([
        runs("rows = [1, 2]; open('log.txt', 'w').write('a')"),
        // Half-way: run twice, it would count everything twice.
        runs("rows += [3]; open('log.txt', 'a').write('b'); open('half.txt', 'w').close()\n1 / 0"),
        bash("cat log.txt; ls"),
        runs("rows += [3]; open('log.txt', 'a').write('c')\nprint(rows, open('log.txt').read())"),
        // The interpreter itself ends: its variables come back all the same.
        runs("rows.clear(); import os; os._exit(3)"),
        runs("print(rows)"),
        says("done"),
    ]);
    let test = "undo::the_next_attempt_begins_where_the_failed_one_did";
    let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
    let latest = scene.latest.clone();
    let chat = Chat::new(scene.setup);
    let (answer, _) = hear(&chat, "q", AskLimits { code_attempts: 5, ..AskLimits::default() }).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "done"), "{:?}", answer.executions);
    let printed: Vec<_> = answer.executions.iter().map(|run| run.outcome.stdout.as_str()).collect();
    assert_eq!(printed, ["", "", "alog.txt\n", "[1, 2, 3] ac\n", "", "[1, 2, 3]\n"]);
    let ended = &answer.executions[4].outcome;
    assert_eq!((ended.status, ended.context_alive), (Status::Error, false));
    let failed = &answer.executions[1].outcome;
    let files: Vec<_> = failed.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        (failed.status, files),
        (Status::Error, vec!["half.txt", "log.txt"]),
        "the outcome stays as it was"
    );
    let told: Vec<bool> = (1..=6).map(|request| read(&model, request).contains(UNDONE)).collect();
    assert_eq!(told, [false, true, false, false, true, false]);
    assert!(!read(&model, 5).contains("variables and imports are lost"), "{}", read(&model, 5));
    // Whoever looks from outside finds the files where they always were.
    let mut log = Vec::new();
    let sandbox = latest.lock().unwrap().upgrade().unwrap();
    sandbox.files().read("log.txt", &mut log).await.unwrap();
    assert_eq!(log, b"ac");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_kept_is_not_undone_and_nothing_is_said_of_it() {
    let threads =
        "import threading\nstop = threading.Event()\nthreading.Thread(target=stop.wait, daemon=True).start()";
    let model = script([
        runs(threads),
        runs("x = 1\n1 / 0"),
        runs("print(x); stop.set()"),
        runs("import subprocess; child = subprocess.Popen(['sleep', '1000'])"),
        runs("y = 2\n1 / 0"),
        runs("print(y); child.kill(); child.wait()"),
        says("done"),
    ]);
    let test = "undo::what_could_not_be_kept_is_not_undone_and_nothing_is_said_of_it";
    let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    let printed: Vec<_> = answer.executions.iter().map(|run| run.outcome.stdout.as_str()).collect();
    assert_eq!(printed, ["", "", "1\n", "", "", "2\n"], "{:?}", answer.executions);
    assert!((1..=6).all(|request| !read(&model, request).contains(UNDONE)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_switched_off_and_denials_undo_nothing() {
    for undo_failed in [false, true] {
        let model = script([
            runs("x = 1"),
            runs("import socket"),
            runs("x = 2\n1 / 0"),
            runs("print(x)"),
            says("done"),
        ]);
        let test = "undo::it_can_be_switched_off_and_denials_undo_nothing";
        let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
        let mut scene = scene.policy("strict");
        scene.setup.undo_failed = undo_failed;
        let (answer, _) = ask(scene, "q", AskLimits::default()).await;
        let statuses: Vec<_> = answer.executions.iter().map(|run| run.outcome.status).collect();
        assert_eq!(statuses, [Status::Ok, Status::Denied, Status::Error, Status::Ok]);
        let printed = if undo_failed { "1\n" } else { "2\n" };
        assert_eq!(answer.executions[3].outcome.stdout, printed);
        assert!(!read(&model, 2).contains(UNDONE));
        assert_eq!(read(&model, 3).contains(UNDONE), undo_failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_question_begins_there_too() {
    let model =
        script([runs("x = 1"), runs("x = 2\n1 / 0"), says("It failed."), runs("print(x)"), says("1")]);
    let Some(scene) = Scene::native("undo::the_next_question_begins_there_too", "python", model.clone())
    else {
        return;
    };
    let chat = Chat::new(scene.setup);
    hear(&chat, "one", AskLimits::default()).await;
    let (answer, _) = hear(&chat, "two", AskLimits::default()).await;
    assert_eq!(answer.executions[0].outcome.stdout, "1\n");
}
