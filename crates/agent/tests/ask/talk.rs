//! What the model is told: system text, tool, questions after questions; what is told about it all.

use crate::scene::{Scene, ask, end, hear, script};
use agent::{
    AskLimits, Chat, Mode,
    model::{
        Heard, Message, Part, Reply,
        scripted::{Scripted, Step, runs, says},
    },
};
use protocol::{AgentEvent, Answer, AnswerStatus, Stop};
use std::sync::Arc;

#[tokio::test]
async fn the_tool_tells_what_there_is_and_stays_the_same() {
    let model = script([runs("print a"), says("a"), says("b")]);
    let mut scene = Scene::fake(model.clone()).limits(|limits| limits.timeout_ms = 2_500);
    scene.uploading(&[("sales.csv", b"a,b\n")]);
    scene.setup.libraries = vec![("pandas".to_owned(), "3.0.1".to_owned())];
    scene.setup.system = Some("Answer in French.".to_owned());
    let chat = Chat::new(scene.setup);
    hear(&chat, "one", AskLimits::default()).await;
    hear(&chat, "two", AskLimits::default()).await;
    let seen = model.seen();
    let [tool] = seen[0].tools.as_slice() else { panic!("{:?}", seen[0].tools) };
    for part in [
        "sales.csv (4 bytes)",
        "pandas 3.0.1",
        "2.5 s",
        "512 MiB of memory",
        "256 MiB of disk",
        "no network",
        "plt.show()",
        "\"standard\"",
        "kept",
    ] {
        assert!(tool.description.contains(part), "{part}: {}", tool.description);
    }
    assert!(
        seen[0].system.ends_with("\n\nAnswer in French.") && seen[0].system.contains("is data"),
        "{}",
        seen[0].system
    );
    for later in &seen[1..] {
        assert_eq!((&later.system, &later.tools), (&seen[0].system, &seen[0].tools));
    }
    let before = &seen[1].messages;
    assert_eq!(&seen[2].messages[..before.len()], before, "messages are only added");
    assert_eq!(seen[2].messages.last(), Some(&Message::User(vec![Part::Text("two".into())])));
}

#[tokio::test]
async fn a_refused_question_is_not_sent_again() {
    let refusal = Reply { stop: Stop::Refusal(None), ..says("") };
    let model = script([says("one"), runs("print a"), refusal, says("three")]);
    let chat = Chat::new(Scene::fake(model.clone()).setup);
    for (prompt, status) in [("1", AnswerStatus::Ok), ("2", AnswerStatus::Refused), ("3", AnswerStatus::Ok)] {
        let (answer, _) = hear(&chat, prompt, AskLimits::default()).await;
        assert_eq!(answer.status, status, "{prompt}");
    }
    let seen = model.seen();
    assert_eq!(seen[3].messages.len(), 3, "question 2 is gone: {:?}", seen[3].messages);
}

#[tokio::test]
async fn events_tell_everything_in_order() {
    let retried = vec![
        Heard::Text("lost".into()),
        Heard::Retry { after_ms: 5, why: "cut".into() },
        Heard::Thinking("hm".into()),
    ];
    let steps = [Step::After(retried, runs("print a")), Step::Reply(says("It is a."))];
    let (answer, events) = ask(Scene::fake(Arc::new(Scripted::new(steps))), "q", AskLimits::default()).await;
    let word = |event: &AgentEvent| match event {
        AgentEvent::Started { prompt, .. } => format!("started {prompt}"),
        AgentEvent::Text { turn, text } => format!("{turn} {text:?}"),
        AgentEvent::Thinking { text, .. } => format!("thinking {text}"),
        AgentEvent::Retry { discards_text, .. } => format!("retry {discards_text}"),
        AgentEvent::Code { attempt, .. } => format!("code {attempt}"),
        AgentEvent::Verdict { denied, .. } => format!("denied {denied}"),
        AgentEvent::Execution { event, .. } => format!("execution {}", event.seq),
        AgentEvent::Warning { message, .. } => format!("warning {message}"),
        AgentEvent::Turn { turn } => format!("turn {} {}", turn.turn, turn.executions.len()),
        AgentEvent::Answer { .. } => "answer".to_owned(),
    };
    let words: Vec<String> = events.iter().map(word).collect();
    let expected = [
        "started q",
        "1 \"lost\"",
        "retry true",
        "thinking hm",
        "code 1",
        "denied false",
        "execution 0",
        "execution 1",
        "turn 1 1",
        "2 \"It \"",
        "2 \"is \"",
        "2 \"a.\"",
        "turn 2 0",
        "answer",
    ];
    assert_eq!(words, expected);
    let AgentEvent::Answer { answer: told } = events.last().unwrap() else { panic!() };
    assert_eq!(**told, answer);
    assert_eq!(
        (end(&answer), answer.turns[1].text.as_str()),
        ((AnswerStatus::Ok, None, "It is a."), "It is a.")
    );
    assert_eq!(answer.usage.total(), 220);
    assert_eq!(answer.turns[0].executions, [answer.executions[0].outcome.id.clone()]);
    assert!(answer.wall_ms > 0.0 && answer.cost_usd.is_none());
}

#[tokio::test]
async fn everything_is_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal::Journal::open(&folder.path().join("journal.sqlite")).await.unwrap();
    let mut scene = Scene::fake(script([runs("print a"), says("a"), says("b")]));
    scene.setup.journal = Some(journal.clone());
    let caller = scene.setup.caller.0.clone();
    let chat = Chat::new(scene.setup);
    let (first, _) = hear(&chat, "one", AskLimits::default()).await;
    let (second, _) = hear(&chat, "two", AskLimits::default()).await;
    for answer in [&first, &second] {
        let entry = journal.show(&caller, answer.id.as_str()).await.unwrap();
        assert!(entry.complete && timeless(&entry.answer) == timeless(answer), "{entry:?}");
        assert_eq!(entry.conversation.is_some(), answer.prompt == "two", "{entry:?}");
    }
    journal.close().await;
    let mut answering = chat.ask("three", AskLimits::default());
    let mut warned = 0;
    while let Some(event) = answering.next().await {
        warned += u32::from(matches!(event, AgentEvent::Warning { .. }));
    }
    assert_eq!(warned, 1, "a journal that cannot be written is no secret, and told once");
}

/// Without times, whose last digit does not survive every way of writing it down.
fn timeless(answer: &Answer) -> Answer {
    let mut answer = Answer { wall_ms: 0.0, ..answer.clone() };
    answer.turns.iter_mut().for_each(|turn| turn.model_ms = 0.0);
    for run in &mut answer.executions {
        run.outcome.usage = Default::default();
    }
    answer
}

#[tokio::test]
async fn the_mode_follows_the_model_unless_it_is_said() {
    let tools = Scene::fake(script([says("x")]));
    let mut forced = Scene::fake(script([says("x")]));
    forced.setup.mode = Some(Mode::Direct);
    for (scene, count) in [(tools, 1), (forced, 0)] {
        let chat = Chat::new(scene.setup);
        let (answer, _) = hear(&chat, "q", AskLimits::default()).await;
        assert_eq!(end(&answer).2, "x", "{count}");
    }
}
