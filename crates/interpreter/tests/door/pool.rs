//! Warm sandboxes: who gets them, who does not, and what becomes of those that nobody took.

use super::{fresh, me, open, outcome, python, sandbox};
use interpreter::{
    Caller, ContextRequest, ExecuteRequest, Gauges, HeldBack, Interpreter, Place, PoolSettings,
    SandboxRequest, Settings, Stock, backend::fake::Fake,
};
use protocol::{Language, Limits, SandboxId, Status};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

#[tokio::test]
async fn a_warm_sandbox_is_given_once_and_the_shelf_fills_again() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 3).unwrap();
    warm.ready().await;
    assert_eq!((warm.count(), fake.alive()), (3, 3));
    let mut given = BTreeSet::<SandboxId>::new();
    for _ in 0..8 {
        let sandbox = interpreter.create_sandbox(&me(), SandboxRequest::default()).await.unwrap();
        assert!(given.insert(sandbox.id().clone()), "a sandbox was given twice");
        assert!(interpreter.sandbox(&me(), sandbox.id()).is_ok());
        assert!(interpreter.sandbox(&Caller("other".into()), sandbox.id()).is_err());
        let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
        let other = sandbox.create_context(ContextRequest::default()).await.unwrap();
        assert_ne!(context.id(), other.id());
        for (place, code) in [(&context, "set x 1"), (&other, "print fresh"), (&context, "get x")] {
            let request = python(code, Place::Context(place.clone()));
            assert_eq!(outcome(&interpreter, request).await.status, Status::Ok, "{code}");
        }
    }
    warm.ready().await;
    assert_eq!((warm.count(), fake.alive()), (3, 3), "those that were given are gone, the shelf is full");
    drop(warm);
    tokio::time::timeout(Duration::from_secs(5), async {
        while fake.alive() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("those that nobody took are destroyed");
}

#[tokio::test]
async fn a_one_shot_takes_from_the_shelf_whatever_it_speaks() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    for language in [Language::Python, Language::Bash] {
        warm.ready().await;
        let place = Place::Fresh(SandboxRequest::default());
        let request = ExecuteRequest::new("print hello", language, place);
        let execution = interpreter.execute(&me(), request).await.unwrap();
        assert_eq!(execution.outcome().await.stdout, "hello\n", "{language}");
    }
    warm.ready().await;
    assert_eq!(fake.alive(), 1);
}

#[tokio::test]
async fn who_asks_for_something_else_gets_something_else() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    warm.ready().await;
    let limits = Limits { pids: 7, ..Limits::default() };
    let other = SandboxRequest { limits, ..SandboxRequest::default() };
    let sandbox = interpreter.create_sandbox(&me(), other).await.unwrap();
    assert_eq!((sandbox.limits().pids, warm.count(), fake.alive()), (7, 1, 2));
    let wrong = SandboxRequest { backend: Some("nowhere".into()), ..SandboxRequest::default() };
    assert_eq!(interpreter.keep_warm(wrong, 1).unwrap_err().code(), "unknown_backend");
}

#[tokio::test]
async fn a_sandbox_that_died_on_the_shelf_is_replaced_before_anybody_asks() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 2).unwrap();
    warm.ready().await;
    fake.end_all();
    until("both are replaced", || interpreter.pool_state().made == 4 && warm.count() == 2).await;
    assert_eq!((interpreter.pool_state().unused, fake.alive()), (2, 2));
    for _ in 0..2 {
        let outcome = outcome(&interpreter, python("print hello", fresh())).await;
        assert_eq!(outcome.stdout, "hello\n");
    }
    assert_eq!(interpreter.pool_state().misses, 0);
}

#[tokio::test]
async fn whoever_takes_at_the_moment_of_a_death_gets_one_that_lives() {
    let (interpreter, fake) = open();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    warm.ready().await;
    fake.end_all();
    let mut last = None;
    for _ in 0..2 {
        last = Some(outcome(&interpreter, python("print hello", fresh())).await);
    }
    assert_eq!(last.unwrap().stdout, "hello\n");
}

#[tokio::test]
async fn demand_raises_the_number_and_quiet_lowers_it() {
    let half_life = Duration::from_secs(1);
    let (interpreter, fake) = with(PoolSettings { half_life, ..idle() });
    let stock = Stock { floor: 1, ceiling: 6 };
    let warm = interpreter.keep_warm(SandboxRequest::default(), stock).unwrap();
    warm.ready().await;
    assert_eq!((warm.count(), interpreter.pool_state().target), (1, 1));
    let mut taken = Vec::new();
    for _ in 0..8 {
        taken.push(sandbox(&interpreter).await);
    }
    assert_eq!(interpreter.pool_state().target, 6, "of eight, as many as may be");
    until("there are more", || warm.count() >= 4).await;
    drop(taken);
    until("they end", || warm.count() == 1 && fake.alive() == 1).await;
    let state = interpreter.pool_state();
    assert_eq!((state.target, state.ready, state.held_back), (1, 1, None));
    assert!(
        state.unused >= 3 && state.hits + state.misses == 8 && state.making > Duration::ZERO,
        "{state:?}"
    );
}

#[tokio::test]
async fn all_together_stay_within_their_memory() {
    // A fake sandbox takes 1 MiB.
    let (interpreter, _fake) = with(PoolSettings { memory_bytes_max: 4 << 20, ..idle() });
    let other = SandboxRequest { home_is_workspace: true, ..SandboxRequest::default() };
    let kinds = [SandboxRequest::default(), other];
    let warm = kinds.map(|kind| interpreter.keep_warm(kind, 3).unwrap());
    let counts = || warm.each_ref().map(|warm| warm.count());
    until("two of each are there", || counts() == [2, 2]).await;
    let state = interpreter.pool_state();
    assert_eq!((state.memory_bytes, state.target), (4 << 20, 6));
    until("it says why", || interpreter.pool_state().held_back == Some(HeldBack::MemoryBudget)).await;
    let [first, second] = warm;
    drop(second);
    until("the rest goes to the first", || first.count() == 3).await;
    assert_eq!(interpreter.pool_state().held_back, None);
}

#[tokio::test]
async fn one_is_kept_whatever_it_takes() {
    let (interpreter, _fake) = with(PoolSettings { memory_bytes_max: 1, ..idle() });
    let warm = interpreter.keep_warm(SandboxRequest::default(), 3).unwrap();
    until("one is there", || warm.count() == 1).await;
    until("it says why", || interpreter.pool_state().held_back == Some(HeldBack::MemoryBudget)).await;
    let (interpreter, fake) = with(PoolSettings { memory_bytes_max: 0, ..idle() });
    let warm = interpreter.keep_warm(SandboxRequest::default(), 3).unwrap();
    warm.ready().await;
    assert_eq!((warm.count(), fake.alive()), (0, 0), "but for none there is no memory at all");
}

#[tokio::test]
async fn under_pressure_one_stays_and_afterwards_they_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let pressure = folder.path().join("pressure");
    let gauges = Gauges { pressure: pressure.clone(), ..idle().gauges };
    let (interpreter, fake) = with(PoolSettings { gauges, ..idle() });
    let warm = interpreter.keep_warm(SandboxRequest::default(), 3).unwrap();
    warm.ready().await;
    assert_eq!(warm.count(), 3);
    std::fs::write(&pressure, "some avg10=40.00 avg60=9.00 avg300=2.00 total=1\n").unwrap();
    until("one is left", || fake.alive() == 1).await;
    assert_eq!(interpreter.pool_state().held_back, Some(HeldBack::MemoryPressure));
    let taken = sandbox(&interpreter).await;
    until("another one is made", || warm.count() == 1 && fake.alive() == 2).await;
    std::fs::write(&pressure, "some avg10=0.00 avg60=9.00 avg300=2.00 total=1\n").unwrap();
    until("all are back", || warm.count() == 3).await;
    assert_eq!((interpreter.pool_state().held_back, interpreter.pool_state().hits), (None, 1));
    drop(taken);
}

#[tokio::test]
async fn filling_gives_way_to_running_code_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let loadavg = folder.path().join("loadavg");
    std::fs::write(&loadavg, "9.00 9.00 9.00 999/1000 1\n").unwrap();
    let (interpreter, _fake) =
        with(PoolSettings { gauges: Gauges { loadavg: loadavg.clone(), ..idle().gauges }, ..idle() });
    let began = Instant::now();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 2).unwrap();
    until("it says why", || interpreter.pool_state().held_back == Some(HeldBack::Busy)).await;
    let made = sandbox(&interpreter).await;
    assert_eq!(interpreter.pool_state().misses, 1, "nobody waits for it");
    warm.ready().await;
    assert!(began.elapsed() >= Duration::from_millis(200), "a tenth of a second for each");
    std::fs::write(&loadavg, "9.00 9.00 9.00 1/1000 1\n").unwrap();
    drop((made, sandbox(&interpreter).await));
    warm.ready().await;
}

#[tokio::test]
async fn what_ends_leaves_nothing() {
    let (interpreter, fake) = with(idle());
    let warm = interpreter.keep_warm(SandboxRequest::default(), 20).unwrap();
    until("some are there", || warm.count() >= 3).await;
    warm.end().await;
    assert_eq!(fake.alive(), 0);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let state = interpreter.pool_state();
    assert_eq!((fake.alive(), state.ready, state.target), (0, 0, 0));
    let again = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    again.ready().await;
    assert_eq!(fake.alive(), 1, "it can be kept warm again");
}

#[tokio::test]
async fn a_backend_that_cannot_is_asked_again_later() {
    let fake = Fake::honest().refusing("no_walls");
    let settings = Settings { pool: idle(), ..Settings::new("/nonexistent") };
    let interpreter = Interpreter::with_backends(settings, vec![Arc::new(fake)]).unwrap();
    let warm = interpreter.keep_warm(SandboxRequest::default(), 1).unwrap();
    until("it says why", || interpreter.pool_state().held_back == Some(HeldBack::Failing)).await;
    assert_eq!((warm.count(), interpreter.pool_state().made), (0, 0));
}

/// A pool that looks often, on a machine that has nothing else to do.
fn idle() -> PoolSettings {
    let nothing = std::path::PathBuf::from("/nonexistent");
    let gauges = Gauges { pressure: nothing.clone(), meminfo: nothing.clone(), loadavg: nothing };
    PoolSettings { gauges, look_every: Duration::from_millis(20), ..PoolSettings::default() }
}

fn with(pool: PoolSettings) -> (Interpreter, Fake) {
    let fake = Fake::honest();
    let settings = Settings { pool, ..Settings::new("/nonexistent") };
    (Interpreter::with_backends(settings, vec![Arc::new(fake.clone())]).unwrap(), fake)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(came.is_ok(), "never: {what}");
}
