//! Direct mode: a program instead of a call, its output instead of an answer.

use crate::scene::{Scene, ask, end, read};
use agent::{
    AskLimits,
    model::{
        Traits,
        scripted::{Scripted, Step, says},
    },
};
use protocol::AnswerStatus;
use std::sync::Arc;

const BARE: Traits = Traits { tools: false, images: false, prices: None };

fn bare<const N: usize>(replies: [&str; N]) -> Arc<Scripted> {
    Arc::new(Scripted::with(BARE, replies.map(|reply| Step::Reply(says(reply)))))
}

#[tokio::test]
async fn output_is_the_answer() {
    type Case = (&'static str, &'static [&'static str], AnswerStatus, &'static str, u32);
    let cases: [Case; 6] = [
        ("one turn", &["Sure:\n```python\nprint 42\n```\nDone."], AnswerStatus::Ok, "42", 1),
        ("words", &["Forty-two."], AnswerStatus::Ok, "Forty-two.", 0),
        ("repaired", &["```python\nraise E no\n```", "```python\nprint 42\n```"], AnswerStatus::Ok, "42", 2),
        ("silent once", &["```python\nset x 1\n```", "```python\nget x\n```"], AnswerStatus::Ok, "1", 2),
        (
            "given up",
            &[
                "```python\nraise A 1\n```",
                "```python\nraise B 1\n```",
                "```python\nraise C 1\n```",
                "I cannot.",
            ],
            AnswerStatus::Degraded,
            "I cannot.",
            3,
        ),
        (
            "silent for ever",
            &[
                "```python\nset x 1\n```",
                "```python\nset x 1\n```",
                "```python\nset x 1\n```",
                "```python\nset x 1\n```",
            ],
            AnswerStatus::Degraded,
            "```python\nset x 1\n```",
            3,
        ),
    ];
    for (name, replies, status, text, attempts) in cases {
        let steps = replies.iter().map(|reply| Step::Reply(says(reply)));
        let model = Arc::new(Scripted::with(BARE, steps));
        let (answer, _) = ask(Scene::fake(model.clone()), "q", AskLimits::default()).await;
        assert_eq!(end(&answer), (status, None, text), "{name}");
        assert_eq!((answer.code_attempts, answer.turns.len()), (attempts, replies.len()), "{name}");
        assert!(model.seen().iter().all(|seen| seen.tools.is_empty()), "{name}");
    }
}

#[tokio::test]
async fn the_model_is_told_how_and_what_failed() {
    let model = bare(["```python\nraise KeyError x\n```", "```python\nprint 1\n```"]);
    let mut scene = Scene::fake(model.clone());
    scene.uploading(&[("a.csv", b"x")]);
    ask(scene, "q", AskLimits::default()).await;
    let system = &model.seen()[0].system;
    assert!(system.contains("one fenced block") && system.contains("a.csv (1 bytes)"), "{system}");
    assert!(read(&model, 1).contains("status: error (KeyError)"), "{}", read(&model, 1));
}

#[tokio::test]
async fn the_last_turn_may_be_a_program() {
    let limits = AskLimits { turns: 1, ..AskLimits::default() };
    let (answer, _) = ask(Scene::fake(bare(["```python\nprint 42\n```"])), "q", limits.clone()).await;
    assert_eq!(end(&answer), (AnswerStatus::Ok, None, "42"));
    let (answer, _) = ask(Scene::fake(bare(["```python\nraise E no\n```"])), "q", limits).await;
    assert_eq!(end(&answer).1, Some("turn_limit"));
}

#[tokio::test]
async fn denied_programs_are_asked_for_again() {
    let denied = "```python\nimport os\nos.system('ls')\n```";
    let scene = Scene::fake(bare([denied, denied, denied, "Not allowed."])).policy("strict");
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    assert_eq!(end(&answer), (AnswerStatus::Degraded, None, "Not allowed."));
    assert_eq!((answer.executions.len(), answer.code_attempts), (3, 0));
}
