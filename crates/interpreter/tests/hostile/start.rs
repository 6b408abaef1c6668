//! Guests that do not come up as they have to.

use crate::scene::*;
use interpreter::{Caller, ExecuteRequest, Place, SandboxRequest, backend::fake::Fake};
use protocol::{
    Language, Status, Wall,
    guest::{Reply, Request, VERSION},
};

fn without(gone: &[Wall]) -> Vec<Wall> {
    Wall::ALL.into_iter().filter(|wall| !gone.contains(wall)).collect()
}

fn greeting(version: u32, walls: Vec<Wall>) -> Fake {
    Fake::scripted(move |mut guest| {
        let walls = walls.clone();
        async move {
            guest.say(&Reply::Ready { version, walls }, &[]).await;
            let (_, execution) = until_execute(&mut guest).await;
            guest.say(&ended(&execution), b"[]").await;
            sulk(guest).await;
        }
    })
}

#[tokio::test(start_paused = true)]
async fn guests_that_must_not_be_talked_to() {
    let never = Fake::scripted(sulk);
    let gone = Fake::scripted(|_| async {});
    let early = Fake::scripted(|mut guest| async move {
        guest.say(&Reply::Done { transfer: 1 }, &[]).await;
        guest.say_ready().await;
        sulk(guest).await;
    });
    let rows = [
        (greeting(VERSION + 1, Wall::ALL.to_vec()), "guest", "speaks version"),
        (never, "guest", "within"),
        (gone, "guest", "went away"),
        (early, "guest", "before it said"),
        (greeting(VERSION, vec![]), "walls_down", "mount_ns"),
        // A kernel user of its own stands in for a user namespace; nothing stands in for both.
        (greeting(VERSION, without(&[Wall::UserNs])).claiming(&[Wall::Cgroup]), "walls_down", "user_ns"),
        (greeting(VERSION, without(&[Wall::NetNs])), "walls_down", "net_ns"),
        (greeting(VERSION, without(&[Wall::Seccomp, Wall::OwnUid])), "walls_down", "seccomp"),
    ];
    for (fake, code, part) in rows {
        let (interpreter, fake) = with(fake);
        let made = sandbox(&interpreter).await.unwrap_err();
        assert_eq!(made.code(), code);
        assert!(made.to_string().contains(part), "{made}");
        let ran = interpreter.execute(&Caller::local(), fresh("x")).await.unwrap_err();
        assert_eq!(ran.code(), code);
        assert_eq!(fake.alive(), 0, "{part}: the sandbox is destroyed");
    }
}

#[tokio::test(start_paused = true)]
async fn isolation_is_what_was_shown() {
    let rows: [(&[Wall], &[Wall], &str); 4] = [
        (&[], &[], "full"),
        (&[Wall::Landlock], &[], "standard"),
        (&[], &[Wall::OwnUid], "standard"),
        (&[], &[Wall::Cgroup], "weak"),
    ];
    for (guest_lacks, backend_lacks, strength) in rows {
        let fake = greeting(VERSION, without(guest_lacks)).claiming(&without(backend_lacks));
        let (interpreter, _) = with(fake);
        let (_, outcome) = run(&interpreter, fresh("x")).await;
        let isolation = outcome.isolation.unwrap();
        assert_eq!(serde_json::to_value(isolation.strength).unwrap(), strength);
        assert_eq!(isolation.missing, [guest_lacks, backend_lacks].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn require_is_checked_before_code_is_sent() {
    for (require, runs) in [("standard", true), ("full", false), ("vm", false)] {
        let seen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let sent = seen.clone();
        let fake = Fake::scripted(move |mut guest| {
            let sent = sent.clone();
            async move {
                guest.say(&Reply::Ready { version: VERSION, walls: without(&[Wall::Landlock]) }, &[]).await;
                while let Some(frame) = guest.hear().await {
                    match frame.header {
                        Request::ContextCreate { context, .. } => guest.say(&up(&context), &[]).await,
                        Request::Execute { execution, .. } => {
                            sent.store(true, std::sync::atomic::Ordering::Release);
                            guest.say(&ended(&execution), b"[]").await
                        }
                        _ => true,
                    };
                }
            }
        });
        let (interpreter, _) = with(fake);
        let request = SandboxRequest { require: Some(require.parse().unwrap()), ..SandboxRequest::default() };
        let request = ExecuteRequest::new("x", Language::Python, Place::Fresh(request));
        let ran = interpreter.execute(&Caller::local(), request).await;
        match (runs, ran) {
            (true, Ok(execution)) => assert_eq!(execution.outcome().await.status, Status::Ok),
            (false, Err(error)) => {
                assert_eq!((error.code(), error.exit_code()), ("below_required", 126));
                assert!(error.to_string().contains(require), "{error}");
            }
            (_, ran) => panic!("{require}: {ran:?}"),
        }
        assert_eq!(seen.load(std::sync::atomic::Ordering::Acquire), runs, "{require}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_without_its_own_walls_ends_the_sandbox() {
    let (interpreter, fake) = lying(|mut guest| async move {
        guest.say_ready().await;
        while let Some(frame) = guest.hear().await {
            if let Request::ContextCreate { context, .. } = frame.header {
                guest.say(&Reply::ContextReady { context, pid: 2, walls: vec![Wall::Seccomp] }, &[]).await;
            }
        }
    });
    let execution = interpreter.execute(&Caller::local(), fresh("x")).await.unwrap();
    let sandbox = execution.sandbox().unwrap().clone();
    let (_, outcome) = follow(execution).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Lost, 126));
    assert_eq!(outcome.error.unwrap().name, "WallsDown");
    assert!(!sandbox.is_alive());
    sandbox.destroy().await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(fake.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_backend_knows_about_a_failure_is_told() {
    let why = "a zygote ended: ModuleNotFoundError: No module named 'nothing'";
    let gone = Fake::scripted(|_| async {}).failing(why);
    let (interpreter, _) = with(gone);
    let error = sandbox(&interpreter).await.unwrap_err().to_string();
    assert!(error.contains("No module named 'nothing'"), "{error}");

    let (interpreter, _) = with(
        Fake::scripted(|mut guest| async move {
            guest.say_ready().await;
            while let Some(frame) = guest.hear().await {
                if let Request::ContextCreate { context, .. } = frame.header {
                    let failure = Some("fork the zygote: it is gone".to_owned());
                    guest.say(&Reply::ContextEnded { context, exit: None, failure, errno: None }, &[]).await;
                }
            }
        })
        .failing(why),
    );
    let (_, outcome) = run(&interpreter, fresh("x")).await;
    let error = outcome.error.unwrap();
    assert_eq!((outcome.exit_code, error.name.as_str()), (127, "ContextFailed"));
    assert!(error.message.contains("No module named 'nothing'"), "{}", error.message);

    let (interpreter, _) = with(
        Fake::scripted(|mut guest| async move {
            until_code(&mut guest).await;
        })
        .failing(why),
    );
    let (_, outcome) = run(&interpreter, fresh("x")).await;
    let error = outcome.error.unwrap();
    assert_eq!((outcome.status, error.name.as_str()), (Status::Lost, "SandboxLost"));
    assert!(error.message.contains("No module named 'nothing'"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn contexts_that_never_come_up_say_why() {
    for (errno, status, exit_code, name) in [
        (Some(2), Status::Error, 127, "InterpreterMissing"),
        (Some(11), Status::Error, 127, "ContextLimit"),
        (None, Status::Error, 127, "ContextFailed"),
    ] {
        let (interpreter, _) = lying(move |mut guest| async move {
            guest.say_ready().await;
            while let Some(frame) = guest.hear().await {
                if let Request::ContextCreate { context, .. } = frame.header {
                    let failure = Some("\u{1b}[2Jspawn it".to_owned());
                    guest.say(&Reply::ContextEnded { context, exit: None, failure, errno }, &[]).await;
                }
            }
        });
        let request = ExecuteRequest { language: Language::Javascript, ..fresh("x") };
        let (_, outcome) = run(&interpreter, request).await;
        assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (status, exit_code, false));
        let error = outcome.error.unwrap();
        assert_eq!(error.name, name);
        assert!(error.hint.is_some() && !error.message.contains('\u{1b}'), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interpreter_that_ended_before_code_was_sent_is_an_outcome() {
    let missing = |mut guest: interpreter::backend::fake::FakeGuest| async move {
        while let Some(heard) = guest.hear().await {
            let Request::ContextCreate { context, .. } = heard.header else { continue };
            let failure = Some("start it: no such file".to_owned());
            guest.say_ready().await;
            guest.say(&Reply::ContextEnded { context, exit: None, failure, errno: Some(2) }, &[]).await;
        }
    };
    let (interpreter, fake) = lying(missing);
    // The walls are waited for, and so the bad news is there before the code goes out.
    let request = SandboxRequest { require: Some("weak".parse().unwrap()), ..SandboxRequest::default() };
    let request = ExecuteRequest::new("x", Language::Python, Place::Fresh(request));
    let (_, outcome) = run(&interpreter, request).await;
    assert_eq!((outcome.status, outcome.exit_code, outcome.context_alive), (Status::Error, 127, false));
    assert_eq!(outcome.error.unwrap().name, "InterpreterMissing");
    assert_eq!(fake.alive(), 0);
}
