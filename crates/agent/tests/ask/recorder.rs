//! Recordings: written as replies come, replayed with code that really runs, and honest about what differs.

use crate::scene::{Scene, ask, end, hear, script};
use agent::{
    AskLimits, Chat,
    model::{
        Failure, FailureKind, Model, Prices, Recorder, Recording, Traits,
        scripted::{Scripted, Step, calls, failure, runs, says},
    },
};
use protocol::{AgentEvent, AnswerStatus, Stop};
use serde_json::{Value, json};
use std::{fs, sync::Arc};

fn open(text: &str) -> Result<Recording, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    fs::write(&path, text).unwrap();
    Recording::open(&path).map_err(|error| error.to_string())
}

#[tokio::test]
async fn what_is_recorded_is_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let prices = Some(Prices { input: 1.0, output: 5.0, cache_read: 0.1, cache_write: 1.25 });
    let traits = Traits { tools: true, images: true, prices };
    let mut long = says("Two lines,\nand a word.");
    long.stop = Stop::Other("odd".to_owned());
    let two = calls([
        ("run_code", json!({"code": "set x 42\nraise KeyError y", "timeout": 5})),
        ("other", json!({})),
    ]);
    let live = Scripted::with(traits.clone(), [two, runs("get x"), long, says("again")].map(Step::Reply));
    let recorder = Arc::new(Recorder::wrap(Arc::new(live), &path).unwrap());
    assert!(
        !path.exists() && fs::read_dir(folder.path()).unwrap().count() == 0,
        "nothing is written before a reply"
    );
    let chat = Chat::new(Scene::fake(recorder).setup);
    let (first, _) = hear(&chat, "What is x?", AskLimits::default()).await;
    let (second, _) = hear(&chat, "And now?", AskLimits::default()).await;

    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((&written["version"], &written["model"]), (&json!(1), &json!("scripted:test")));
    let turns = written["turns"].as_array().unwrap();
    assert_eq!(turns[0]["expect"], json!({"prompt": "What is x?"}));
    assert_eq!(
        turns[0]["calls"][0],
        json!({"name": "run_code", "code": ["set x 42", "raise KeyError y"], "arguments": {"timeout": 5}})
    );
    assert_eq!(turns[1]["expect"], json!({"results": ["error (KeyError)", "not_run (UnknownTool)"]}));
    assert_eq!(turns[3]["expect"], json!({"prompt": "And now?"}));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft stays");

    let recording = Arc::new(Recording::open(&path).unwrap());
    assert_eq!(recording.traits(), &traits);
    assert_eq!(recording.name(), format!("recording:{}", path.display()));
    let chat = Chat::new(Scene::fake(recording).setup);
    for (asked, before) in [("What is x?", first), ("And now?", second)] {
        let (replayed, events) = hear(&chat, asked, AskLimits::default()).await;
        assert_eq!((end(&replayed), replayed.usage), (end(&before), before.usage));
        assert_eq!(replayed.cost_usd, before.cost_usd);
        let stops =
            |answer: &protocol::Answer| answer.turns.iter().map(|turn| turn.stop.clone()).collect::<Vec<_>>();
        assert_eq!(stops(&replayed), stops(&before));
        let text = events.iter().filter(|event| matches!(event, AgentEvent::Text { .. })).count();
        assert_eq!(text, before.answer.split(' ').count(), "text comes in pieces");
    }
}

#[tokio::test]
async fn programs_of_direct_mode_are_recorded_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.json");
    let traits = Traits { tools: false, images: false, prices: None };
    let replies = ["```python\nraise KeyError y\n```", "```python\nprint 42\n```", "Yes."];
    let live = Scripted::with(traits, replies.map(|reply| Step::Reply(says(reply))));
    let chat = Chat::new(Scene::fake(Arc::new(Recorder::wrap(Arc::new(live), &path).unwrap())).setup);
    hear(&chat, "6 times 7?", AskLimits::default()).await;
    hear(&chat, "Sure?", AskLimits::default()).await;
    let written: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(written["turns"][1]["expect"], json!({"results": ["error (KeyError)"]}));
    assert_eq!(written["turns"][2]["expect"], json!({"prompt": "Sure?", "results": ["ok"]}));
    let chat = Chat::new(Scene::fake(Arc::new(Recording::open(&path).unwrap())).setup);
    for (prompt, expected) in [("6 times 7?", "42"), ("Sure?", "Yes.")] {
        let (answer, _) = hear(&chat, prompt, AskLimits::default()).await;
        assert_eq!(end(&answer), (AnswerStatus::Ok, None, expected));
    }
}

#[tokio::test]
async fn a_replay_says_where_it_differs() {
    let tape = r#"{"version": 1, "turns": [
        {"expect": {"prompt": "q"}, "calls": [{"name": "run_code", "code": "print a"}]},
        {"expect": {"results": ["ok"]}, "calls": [{"name": "run_code", "code": "raise KeyError x"}, {"name": "run_code", "code": "print b"}]},
        {"expect": {"results": ["ok", "ok"]}, "text": "end"}]}"#;
    let tapes = [
        (tape.to_owned(), "other", "at turn 1: expected the question \"q\", got \"other\""),
        (tape.to_owned(), "q", "at turn 3: expected call 1 to end as ok, got error (KeyError)"),
        (
            tape.replace("\"ok\", \"ok\"", "\"error (KeyError)\""),
            "q",
            "at turn 3: expected call 2 to end as no such call, got ok",
        ),
        (
            tape.replace("[\"ok\"]", "[\"ok\", \"ok\"]"),
            "q",
            "at turn 2: expected call 2 to end as ok, got no such call",
        ),
        (
            tape.replace(", \"text\": \"end\"", ", \"calls\": [{\"name\": \"x\"}]")
                .replace("\"ok\", \"ok\"", "\"error (KeyError)\", \"ok\""),
            "q",
            "at turn 4: the recording ends with turn 3",
        ),
    ];
    for (tape, prompt, expected) in tapes {
        let (answer, _) =
            ask(Scene::fake(Arc::new(open(&tape).unwrap())), prompt, AskLimits::default()).await;
        assert_eq!(end(&answer).0, AnswerStatus::ModelFailed, "{expected}");
        let error = answer.error.unwrap();
        assert!(
            error.code == "recording_differs" && error.message.contains(expected),
            "{expected}: {error:?}"
        );
        assert!(error.message.starts_with("replay ") && error.hint.is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_turn_without_expectations_fits_everything() {
    let recording = open(
        r#"{"version": 1, "turns": [{"calls": [{"name": "run_code", "code": "raise A b"}]}, {"text": ["one", "two"]}]}"#,
    );
    let (answer, _) = ask(Scene::fake(Arc::new(recording.unwrap())), "whatever", AskLimits::default()).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "one\ntwo"));
}

#[test]
fn only_recordings_are_opened() {
    for (text, expected) in [
        ("", "EOF"),
        ("{}", "missing field `version`"),
        (r#"{"version": 2, "turns": []}"#, "it has version 2, this program reads version 1"),
        (r#"{"version": 1, "turns": [{"say": 1}]}"#, "unknown field `say`"),
        (r#"{"version": 1, "turns": [{"calls": [{"code": "1"}]}]}"#, "missing field `name`"),
    ] {
        let error = open(text).unwrap_err();
        assert!(error.starts_with("read the recording") && error.contains(expected), "{text}: {error}");
    }
    assert!(
        Recording::open(std::path::Path::new("/nonexistent/r.json"))
            .unwrap_err()
            .to_string()
            .contains("/nonexistent/r.json")
    );
    assert!(Recorder::wrap(script([]), "/nonexistent/r.json").is_err());
}

#[tokio::test]
async fn a_reply_that_cannot_be_written_is_not_lost_silently() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub").join("r.json");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let failing: Failure = failure(FailureKind::Overloaded, "x");
    let live = Scripted::new([Step::Failure(failing), Step::Reply(says("a"))]);
    let recorder = Arc::new(Recorder::wrap(Arc::new(live), &path).unwrap());
    let (answer, _) = ask(Scene::fake(recorder.clone()), "q", AskLimits::default()).await;
    assert!(end(&answer).1 == Some("model_overloaded") && !path.exists(), "failures are not recorded");
    fs::remove_dir(path.parent().unwrap()).unwrap();
    let (answer, _) = ask(Scene::fake(recorder), "q", AskLimits::default()).await;
    assert_eq!(end(&answer).1, Some("recording_not_written"));
    assert_eq!(answer.usage.total(), 110, "what it cost is counted all the same");
}
