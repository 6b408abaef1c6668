//! The recordings in `examples/`, replayed: the model's words are recorded, the code really runs.

use crate::scene::{Scene, ask, end};
use agent::{
    AskLimits,
    model::{Model, Recording},
};
use protocol::{Answer, AnswerStatus, Limits, Status};
use std::{path::PathBuf, sync::Arc};

struct Case {
    file: &'static str,
    prompt: &'static str,
    template: &'static str,
    policy: &'static str,
    status: AnswerStatus,
    /// What the answer says.
    says: &'static [&'static str],
    /// How each execution ended.
    ends: &'static [Status],
    code_attempts: u32,
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

async fn replay(test: &str, case: &Case) -> Option<Answer> {
    let recording = Recording::open(&examples().join(case.file)).unwrap();
    assert!(recording.traits().tools);
    let scene = Scene::native(test, case.template, Arc::new(recording))?;
    let smaller = |limits: &mut Limits| {
        limits.memory_bytes = if case.template == "python" { 256 << 20 } else { 1 << 30 }
    };
    let mut scene = scene.limits(smaller).policy(case.policy);
    if case.prompt.contains("region") {
        scene.uploading(&[("sales.csv", &std::fs::read(examples().join("sales.csv")).unwrap())]);
    }
    let (answer, _) = ask(scene, case.prompt, AskLimits::default()).await;
    let runs: Vec<_> = answer
        .executions
        .iter()
        .map(|run| (&run.outcome.status, &run.outcome.error, &run.outcome.stdout))
        .collect();
    assert_eq!((answer.status, &answer.error), (case.status, &None), "{test}: {runs:#?}");
    for part in case.says {
        assert!(end(&answer).2.contains(part), "{test}: {part:?} is not in {:?}", answer.answer);
    }
    let ends: Vec<_> = answer.executions.iter().map(|run| run.outcome.status).collect();
    assert_eq!((ends.as_slice(), answer.code_attempts), (case.ends, case.code_attempts), "{test}: {runs:#?}");
    Some(answer)
}

/// What code printed and showed, as text.
fn output(answer: &Answer, at: usize) -> String {
    let outcome = &answer.executions[at].outcome;
    let results = outcome
        .results
        .iter()
        .filter_map(|bundle| bundle.data.get("text/plain").and_then(|text| text.as_str()));
    outcome.stdout.lines().chain(results).collect::<Vec<_>>().join("\n")
}

macro_rules! replays {
    ($($name:ident: $case:expr, $check:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let case = $case;
            if let Some(answer) = replay(concat!("recordings::", stringify!($name)), &case).await {
                let check: fn(&Answer) = $check;
                check(&answer);
            }
        })*
    };
}

const OK: AnswerStatus = AnswerStatus::Ok;

replays! {
    statistics_of_a_list: Case {
        file: "recordings/statistics.json",
        prompt: "Mean, median and sample standard deviation of 4, 8, 15, 16, 23, 42?",
        template: "python", policy: "strict", status: OK,
        says: &["18", "15.5", "13.4907"], ends: &[Status::Ok], code_attempts: 1,
    }, |answer| assert!(output(answer, 0).contains("18 15.5 13.4907"), "{}", output(answer, 0));
    a_percentage: Case {
        file: "recordings/percentage.json",
        prompt: "What is 47/1283 as a percentage, to 4 decimal places?",
        template: "python", policy: "strict", status: OK,
        says: &["3.6633"], ends: &[Status::Ok], code_attempts: 1,
    }, |answer| assert!(output(answer, 0).contains("3.6633"), "{}", output(answer, 0));
    a_wrong_module_name: Case {
        file: "recordings/wrong-module.json",
        prompt: "How many days are there from 2024-02-10 to 2026-11-21?",
        template: "python", policy: "standard", status: OK,
        says: &["1015"], ends: &[Status::Error, Status::Ok], code_attempts: 2,
    }, |answer| assert!(output(answer, 1).contains("1015"), "{}", output(answer, 1));
    quarterly_sales: Case {
        file: "recordings/quarterly-sales.json",
        prompt: "Sum these sales by quarter:\n\ndate,amount\n2025-01-14,120.50\n2025-02-03,80.00\n2025-04-22,310.25\n2025-06-30,95.75\n2025-07-01,410.00\n2025-09-09,12.50\n2025-10-31,77.00\n2025-12-24,623.00",
        template: "python", policy: "strict", status: OK,
        says: &["200.50", "406.00", "422.50", "700.00", "Q4"], ends: &[Status::Ok], code_attempts: 1,
    }, |answer| assert!(output(answer, 0).contains("Q2 406.00"), "{}", output(answer, 0));
    a_denied_import: Case {
        file: "recordings/denied-import.json",
        prompt: "How many seconds are there from 2026-01-01 00:00 to 2026-11-21 12:00 UTC?",
        template: "python", policy: "strict", status: OK,
        says: &["28036800"], ends: &[Status::Denied, Status::Ok], code_attempts: 1,
    }, |answer| {
        assert!(!answer.executions[0].outcome.findings.is_empty() && answer.executions[0].outcome.sandbox.is_none());
        assert!(output(answer, 1).contains("28036800"), "{}", output(answer, 1));
    };
    a_timeout: Case {
        file: "recordings/timeout.json",
        prompt: "What is the 90th Fibonacci number?",
        template: "python", policy: "standard", status: OK,
        says: &["2880067194370816120"], ends: &[Status::Timeout, Status::Ok], code_attempts: 2,
    }, |answer| assert!(output(answer, 1).contains("2880067194370816120"), "{}", output(answer, 1));
    out_of_memory: Case {
        file: "recordings/out-of-memory.json",
        prompt: "Sort two billion random 64-bit numbers in memory and tell me the median.",
        template: "python", policy: "standard", status: AnswerStatus::Degraded,
        says: &["memory"], ends: &[Status::OutOfMemory, Status::OutOfMemory, Status::OutOfMemory], code_attempts: 3,
    }, |_| ();
    which_region_grew_fastest: Case {
        file: "sales.recording.json",
        prompt: "Which region grew fastest? Show it as a chart.",
        template: "code-interpreter", policy: "standard", status: OK,
        says: &["West", "31.1 %"], ends: &[Status::Ok, Status::Ok], code_attempts: 2,
    }, sales;
}

/// Every number of the recorded answer is one that the code has printed.
fn sales(answer: &Answer) {
    let (looked, computed) = (output(answer, 0), output(answer, 1));
    assert!(looked.contains("(4060, 10) duplicates: 60"), "{looked}");
    for number in ["4000 orders", "113 prices", "135 orders without a region"] {
        assert!(computed.contains(number), "{number}: {computed}");
    }
    let rows = answer.answer.lines().filter(|line| line.contains('€') && line.starts_with('|'));
    let mut count = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let bare = |cell: &str| cell.replace(['€', '%', ' '], "").replace('−', "-");
        let printed = computed.lines().find(|line| line.starts_with(cells[0])).unwrap_or_default();
        for cell in &cells[1..] {
            assert!(printed.contains(&bare(cell)), "{cell} is not in {printed:?}");
        }
        count += 1;
    }
    assert_eq!(count, 4, "{}", answer.answer);
    let pictures =
        answer.executions[1].outcome.results.iter().filter(|bundle| bundle.data.contains_key("image/png"));
    assert_eq!(pictures.count(), 1);
}
