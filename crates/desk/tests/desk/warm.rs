//! Sandboxes that are ready: how they end with the desk, and what it tells of them.

use crate::scene::{fresh, settings};
use desk::{Desk, Settings, Visitor};
use interpreter::{Interpreter, SandboxRequest, Stock, backend::fake::Fake};
use std::{path::Path, sync::Arc, time::Duration};

async fn open(stock: Stock) -> (Desk, Fake) {
    let fake = Fake::honest();
    let interpreter = interpreter::Settings::new("/nonexistent");
    let interpreter = Interpreter::with_backends(interpreter, vec![Arc::new(fake.clone())]).unwrap();
    let warm = vec![(SandboxRequest::default(), stock)];
    let settings = Settings { warm, ..settings(None, Path::new("/nonexistent")) };
    (Desk::open(interpreter, settings).await, fake)
}

async fn until_ready(desk: &Desk, count: usize) {
    for _ in 0..1000 {
        if desk.warm_count() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} are ready, not {count}", desk.warm_count());
}

#[tokio::test]
async fn at_the_end_none_is_left_and_none_is_made() {
    let (desk, fake) = open(Stock::from(3)).await;
    until_ready(&desk, 3).await;
    fresh(&desk, &Visitor::local(), "print x").await.end().await;
    // One is being made, or will be.
    desk.close(Duration::from_secs(1)).await;
    assert_eq!((fake.alive(), desk.warm_count()), (0, 0));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((fake.alive(), desk.warm_count()), (0, 0), "nor later");
}

#[tokio::test]
async fn figures_tell_of_them() {
    let (desk, _fake) = open(Stock { floor: 1, ceiling: 2 }).await;
    until_ready(&desk, 1).await;
    fresh(&desk, &Visitor::local(), "print x").await.end().await;
    until_ready(&desk, 1).await;
    let text = desk.scrape();
    let lines = [
        "belljar_sandboxes_warm_target 1",
        "belljar_sandboxes_warm_memory_bytes 1048576",
        "belljar_pool_requests_total{found=\"hit\"} 1",
        "belljar_pool_made_total 2",
        "belljar_pool_unused_total 0",
        "belljar_pool_held_back{why=\"memory_budget\"} 0",
    ];
    for line in lines {
        assert!(text.lines().any(|found| found == line), "no {line} in {text}");
    }
}
