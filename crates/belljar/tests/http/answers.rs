//! Questions to a model over HTTP, with recorded replies: the code really runs.

use crate::server::{Server, events, text};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// A recording of these turns, each with the code that it wants run.
fn tape(dir: &Path, turns: &[(&str, Option<&str>)]) -> String {
    let turn = |(text, code): &(&str, Option<&str>)| {
        let calls: Vec<Value> = code.iter().map(|code| json!({"name": "run_code", "code": code})).collect();
        json!({"text": text, "calls": calls, "tokens": {"input": 1000, "output": 20}})
    };
    let turns: Vec<Value> = turns.iter().map(turn).collect();
    let path = dir.join("tape.json");
    std::fs::write(&path, json!({"version": 1, "model": "by hand", "turns": turns}).to_string()).unwrap();
    format!("recording:{}", path.display())
}

fn start(turns: &[(&str, Option<&str>)]) -> Option<(Server, tempfile::TempDir)> {
    let dir = tempfile::tempdir().unwrap();
    let model = tape(dir.path(), turns);
    Some((Server::start(&["--model", &model])?, dir))
}

#[tokio::test]
async fn a_question_is_answered_and_gone_on_with() {
    let turns = [
        ("", Some("n = 6 * 7\nopen('n.txt', 'w').write(str(n))\nprint(n)")),
        ("It is 42.", None),
        ("", Some("print(n + 1)")),
        ("And then 43.", None),
    ];
    let Some((server, _dir)) = start(&turns) else { return };
    let question =
        json!({ "prompt": "What is six times seven?", "files": [{ "path": "a.txt", "text": "a" }] });
    let (status, answer) = server.post("/v1/answers", question).await;
    assert_eq!((status, answer["answer"].as_str()), (200, Some("It is 42.")), "{answer}");
    assert_eq!(answer["executions"][0]["outcome"]["stdout"], "42\n");
    let sandbox = text(&answer["executions"][0]["outcome"], "sandbox");
    for (file, content) in [("n.txt", "42"), ("a.txt", "a")] {
        let path = format!("/v1/sandboxes/{sandbox}/files/{file}");
        let found = server.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(found.text().await.unwrap(), content, "what the code made can be fetched");
    }
    let last = text(&answer, "id");
    let (status, answer) =
        server.post("/v1/answers", json!({ "prompt": "And one more?", "conversation": last })).await;
    assert_eq!((status, answer["answer"].as_str()), (200, Some("And then 43.")), "{answer}");
    assert_eq!(answer["executions"][0]["outcome"]["stdout"], "43\n", "variables are still there");
    let (status, _) = server.post("/v1/answers", json!({ "prompt": "?", "conversation": last })).await;
    assert_eq!(status, 404, "the conversation has gone on");
    let (_, entry) = server.get(&format!("/v1/journal/answers/{}", text(&answer, "id"))).await;
    assert_eq!(entry["answer"], "And then 43.", "{entry}");
    let (status, _) = server.delete(&format!("/v1/sandboxes/{sandbox}")).await;
    assert_eq!(status, 204);
    server.idle().await;
}

#[tokio::test]
async fn an_answer_is_told_as_it_is_made_and_leaves_no_sandbox() {
    let Some((server, _dir)) = start(&[("Let me see.", Some("print(1)")), ("One.", None)]) else { return };
    let request = server.request(Method::POST, "/v1/answers").header("accept", "text/event-stream");
    let response = request.json(&json!({ "prompt": "One?" })).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let told = events(&response.text().await.unwrap());
    let kinds: Vec<&str> = told.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"started"), Some(&"answer")), "{kinds:?}");
    assert!(kinds.contains(&"execution") && kinds.contains(&"verdict"), "{kinds:?}");
    assert_eq!(told.last().unwrap().2["answer"]["answer"], "One.");
    let (_, list) = server.get("/v1/sandboxes").await;
    assert_eq!(list["items"], json!([]), "nothing was left in it");
    let metrics = server.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let count = |series: &str, labels: &str| {
        let mut lines = metrics.lines().filter(|line| line.starts_with(series) && line.contains(labels));
        lines.next().and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(count("belljar_answers_total", "status=\"ok\"").as_deref(), Some("1"), "{metrics}");
    assert_eq!(count("belljar_model_tokens_total", "kind=\"input\"").as_deref(), Some("2000"), "{metrics}");
}

#[tokio::test]
async fn whoever_goes_away_cancels_and_nothing_runs_on() {
    let Some((server, _dir)) = start(&[("", Some("while True: pass")), ("Never.", None)]) else { return };
    let request = server.request(Method::POST, "/v1/answers").header("accept", "text/event-stream");
    let mut response = request.json(&json!({ "prompt": "For ever?" })).send().await.unwrap();
    let mut seen = String::new();
    while !seen.contains("event: verdict") {
        let chunk = response.chunk().await.unwrap().expect("more to come");
        seen.push_str(&String::from_utf8_lossy(&chunk));
    }
    drop(response);
    server.idle().await;
}

#[tokio::test]
async fn the_simple_form_is_flat() {
    let program = "```python\nprint(2 + 2)\n```";
    let Some((server, _dir)) = start(&[(program, None)]) else { return };
    let (status, told) = server.post("/interpret", json!({ "prompt": "What is two and two?" })).await;
    let expected = json!({
        "prompt": "What is two and two?", "code": "print(2 + 2)\n", "blocked": false, "errors": [],
        "success": true, "output": "4\n", "error": null, "exit_code": 0,
    });
    assert_eq!((status, &told), (200, &expected));
    let (status, problem) = server.post("/interpret", json!({ "prompt": "x".repeat(2001) })).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("request")), "{problem}");
}

#[tokio::test]
async fn models_are_only_those_that_the_server_offers() {
    let Some((server, dir)) = start(&[("Yes.", None)]) else { return };
    let other = dir.path().join("other.json");
    std::fs::copy(dir.path().join("tape.json"), &other).unwrap();
    for model in ["openai-chat:x@http://127.0.0.1:1", &format!("recording:{}", other.display()), "nobody"] {
        let (status, problem) = server.post("/v1/answers", json!({ "prompt": "?", "model": model })).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("no_model")), "{problem}");
    }
    for (limits, part) in
        [(json!({ "turns": 0 }), "turns"), (json!({ "deadline_ms": 1_u64 << 40 }), "deadline")]
    {
        let (status, problem) = server.post("/v1/answers", json!({ "prompt": "?", "limits": limits })).await;
        assert_eq!(status, 400);
        assert!(text(&problem, "detail").contains(part), "{problem}");
    }
    let (status, _) = server.post("/v1/answers", json!({ "prompt": " " })).await;
    assert_eq!(status, 400);
    let silent = Server::start(&[]).unwrap();
    let (status, problem) = silent.post("/v1/answers", json!({ "prompt": "?" })).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("no_model")), "{problem}");
}

#[tokio::test]
async fn the_best_of_several_replies_is_gone_on_with() {
    let good = "import time; time.sleep(1); open('b.txt', 'w').write('b'); print('b')";
    let Some((server, _dir)) = start(&[("", Some("1 / 0")), ("", Some(good)), ("It is b.", None)]) else {
        return;
    };
    for best_of in [0, 9] {
        let question = json!({ "prompt": "?", "best_of": best_of });
        let (status, problem) = server.post("/v1/answers", question).await;
        let detail = problem["detail"].as_str();
        assert_eq!((status, detail), (400, Some("cannot use best_of: it is 1 to 8")), "{problem}");
    }
    let (status, answer) = server.post("/v1/answers", json!({ "prompt": "?", "best_of": 2 })).await;
    assert_eq!((status, answer["answer"].as_str()), (200, Some("It is b.")), "{answer}");
    let calls: Vec<_> =
        answer["executions"].as_array().unwrap().iter().map(|run| text(run, "call")).collect();
    assert_eq!((calls.len(), calls[0].as_str()), (2, "1:code"), "{answer}");
    assert_eq!(answer["usage"]["input"], 3000, "{answer}");
    let sandbox = text(&answer["executions"][1]["outcome"], "sandbox");
    let path = format!("/v1/sandboxes/{sandbox}/files/b.txt");
    let found = server.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(found.text().await.unwrap(), "b");
    let (status, _) = server.delete(&format!("/v1/sandboxes/{sandbox}")).await;
    assert_eq!(status, 204);
    server.idle().await;
}
