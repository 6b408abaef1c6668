//! What is written is read back: whole, in pages, by its own caller only, and removed when it is old.

use crate::samples;
use journal::{Begin, Journal, JournalError};
use protocol::{AnswerStatus, Tokens};
use sqlx::Row;
use std::time::Duration;
use tempfile::TempDir;

async fn open() -> (TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("new/journal.sqlite")).await.unwrap();
    (folder, journal)
}

#[tokio::test]
async fn an_answer_comes_back_as_it_was() {
    let (_folder, journal) = open().await;
    let mut answer = samples::answer(7, "Which region grew fastest?");
    answer.cost_usd = None;
    samples::write(&journal, "ada", &answer).await;
    let next = samples::answer(8, "And slowest?");
    let begin = Begin {
        id: &next.id,
        caller: "ada",
        prompt: &next.prompt,
        model: &next.model,
        conversation: Some(&answer.id),
    };
    journal.begin(&begin).await.unwrap();

    let entry = journal.show("ada", answer.id.as_str()).await.unwrap();
    assert_eq!(entry.answer, answer);
    assert!(entry.complete && entry.caller == "ada" && entry.conversation.is_none(), "{entry:?}");
    assert!(
        entry.started_at.ends_with('Z') && Some(&entry.started_at) <= entry.ended_at.as_ref(),
        "{entry:?}"
    );
    let steps = entry.steps();
    let shape: Vec<_> = steps.iter().map(|step| (step.said.is_some(), step.runs.len())).collect();
    assert_eq!(shape, [(true, 1), (true, 1), (false, 2), (false, 0)], "the last reply is the answer itself");
    let json = serde_json::to_value(&entry).unwrap();
    assert_eq!(
        (&json["code_attempts"], &json["complete"]),
        (&3.into(), &true.into()),
        "an Answer with more fields"
    );
    assert_eq!(journal.show("ada", "last").await.unwrap().conversation.as_ref(), Some(&answer.id));
}

#[tokio::test]
async fn what_has_not_ended_is_incomplete() {
    let (_folder, journal) = open().await;
    let answer = samples::answer(7, "x");
    samples::begin(&journal, "ada", &answer).await;
    let entry = journal.show("ada", "last").await.unwrap();
    assert!(!entry.complete && entry.answer.turns.is_empty() && entry.answer.error.is_some(), "{entry:?}");

    journal.turn(&answer.id, &answer.turns[0], &answer.executions[..1]).await.unwrap();
    journal.turn(&answer.id, &answer.turns[2], &answer.executions[2..]).await.unwrap();
    let entry = journal.show("ada", "last").await.unwrap();
    assert_eq!((entry.answer.executions.len(), entry.answer.code_attempts), (3, 2), "a denial is no attempt");
    assert_eq!(entry.answer.usage, Tokens { input: 1800, output: 240, cache_read: 800, ..Tokens::default() });
    assert_eq!(entry.answer.error.as_ref().unwrap().code, "incomplete");
    let listed = journal.list("ada", 10, None).await.unwrap();
    assert_eq!((listed[0].status_word().as_str(), listed[0].code_attempts), ("incomplete", 2));

    // The turn in between could not be written: the end makes up for it.
    journal.end(&answer.id, &answer).await.unwrap();
    assert_eq!(journal.show("ada", "last").await.unwrap().answer, answer);
}

#[tokio::test]
async fn failures_are_kept_with_their_reasons() {
    let (_folder, journal) = open().await;
    let mut answer = samples::answer(7, "x");
    answer.status = AnswerStatus::CostLimit;
    answer.error =
        serde_json::from_str(r#"{"code": "cost_limit", "message": "$1 is spent", "hint": null}"#).ok();
    samples::write(&journal, "ada", &answer).await;
    assert_eq!(journal.show("ada", "last").await.unwrap().answer, answer);
    assert_eq!(journal.list("ada", 1, None).await.unwrap()[0].status_word(), "cost_limit");
}

#[tokio::test]
async fn pages_follow_each_other_and_callers_see_their_own() {
    let (_folder, journal) = open().await;
    for number in 1..=7 {
        let caller = if number % 3 == 0 { "bob" } else { "ada" };
        samples::write(&journal, caller, &samples::answer(number, &format!("question {number}"))).await;
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = journal.list("ada", 2, before.as_ref()).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        before = Some(last.id.clone());
        seen.extend(page.into_iter().map(|one| one.prompt));
    }
    assert_eq!(seen, ["question 7", "question 5", "question 4", "question 2", "question 1"]);
    let bobs = samples::id(3);
    assert!(matches!(journal.show("ada", bobs.as_str()).await, Err(JournalError::Unknown(_))));
    assert!(matches!(journal.remove("ada", &bobs).await, Err(JournalError::Unknown(_))));
    assert!(matches!(journal.list("ada", 2, Some(&bobs)).await, Err(JournalError::Unknown(_))));
    assert_eq!(journal.prune("bob", None, Some(0)).await.unwrap(), 2);
    assert_eq!(journal.list("ada", 100, None).await.unwrap().len(), 5);
}

#[tokio::test]
async fn the_start_of_an_id_is_enough_while_it_fits_one() {
    let (_folder, journal) = open().await;
    let (a, b) = (0xabc0_u128 << 112, 0xabd0_u128 << 112);
    for number in [a, b] {
        samples::begin(&journal, "ada", &samples::answer(number, "x")).await;
    }
    let ids: Vec<_> = journal.list("ada", 9, None).await.unwrap().into_iter().map(|one| one.id).collect();
    let full = ids[0].as_str();
    let differs = ids[0].as_str().bytes().zip(ids[1].as_str().bytes()).position(|(x, y)| x != y).unwrap();
    for text in
        [full, &full[4..], &full[..=differs], &full[4..=differs], &full[4..=differs].to_uppercase(), "last"]
    {
        assert_eq!(journal.find("ada", text).await.unwrap(), ids[0], "{text}");
    }
    let ambiguous = journal.find("ada", &full[4..differs]).await;
    assert!(
        matches!(&ambiguous, Err(JournalError::Ambiguous { ids: both, .. }) if *both == ids),
        "{ambiguous:?}"
    );
    for (text, code) in [
        ("", "answer_id"),
        ("ans_", "answer_id"),
        ("a%", "answer_id"),
        ("g", "answer_id"),
        ("fff", "answer_unknown"),
    ] {
        assert_eq!(journal.find("ada", text).await.unwrap_err().code(), code, "{text:?}");
    }
}

#[tokio::test]
async fn old_answers_go_with_all_that_belongs_to_them() {
    let (folder, journal) = open().await;
    let secret = "a prompt that nobody shall find again";
    for number in 1..=4 {
        samples::write(&journal, "ada", &samples::answer(number, &format!("{secret} {number}"))).await;
    }
    let aged =
        "UPDATE answers SET started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-10 days') WHERE seq <= 2";
    sqlx::query(aged).execute(&raw(&folder).await).await.unwrap();
    let day = Duration::from_secs(86_400);
    assert_eq!(journal.prune("ada", Some(11 * day), None).await.unwrap(), 0);
    assert_eq!(journal.prune("ada", Some(365_000_000 * day), None).await.unwrap(), 0);
    assert_eq!(journal.prune("ada", None, None).await.unwrap(), 0);
    assert_eq!(journal.prune("ada", Some(9 * day), Some(9)).await.unwrap(), 2);
    assert_eq!(journal.prune("ada", None, Some(1)).await.unwrap(), 1);
    journal.remove("ada", &samples::id(4)).await.unwrap();
    let raw = raw(&folder).await;
    for table in
        ["SELECT COUNT(*) FROM answers", "SELECT COUNT(*) FROM turns", "SELECT COUNT(*) FROM executions"]
    {
        let count: i64 = sqlx::query(table).fetch_one(&raw).await.unwrap().get(0);
        assert_eq!(count, 0, "{table}");
    }
    for file in std::fs::read_dir(folder.path().join("new")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

async fn raw(folder: &TempDir) -> sqlx::SqlitePool {
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("new/journal.sqlite"));
    sqlx::SqlitePool::connect_with(options).await.unwrap()
}
