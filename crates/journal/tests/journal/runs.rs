//! What a server ran: by its own caller only, in pages, and lost where the server was gone before the end.

use journal::{Journal, RunBegin};
use protocol::{ExecutionId, Language, Outcome, Status};
use serde_json::json;

fn id(number: u128) -> ExecutionId {
    ExecutionId::from_bits(number)
}

fn begin(number: u128, caller: &str, server: &str) -> RunBegin {
    let (command, sandbox, context) = (number % 2 == 1, None, None);
    let (caller, server) = (caller.to_owned(), server.to_owned());
    RunBegin {
        id: id(number),
        caller,
        server,
        command,
        sandbox,
        context,
        language: Language::Bash,
        code: "ls".into(),
    }
}

fn outcome(number: u128) -> Outcome {
    serde_json::from_value(json!({
        "id": id(number), "language": "bash", "status": "error", "exit_code": 3, "stdout": "a", "stderr": "",
        "results": [], "files": [], "truncated": {"stdout_bytes": 0, "stderr_bytes": 0}, "findings": [],
        "context_alive": false, "usage": {"wall_ms": 1.5, "cpu_ms": 1.0, "memory_peak_bytes": 1},
    }))
    .unwrap()
}

#[tokio::test]
async fn runs_come_back_to_their_caller() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("j")).await.unwrap();
    for number in 0..5 {
        journal.run_begins(&begin(number, "ada", "one")).await.unwrap();
    }
    journal.run_begins(&begin(9, "bob", "one")).await.unwrap();
    journal.run_ends(&outcome(3)).await.unwrap();

    let page = journal.runs("ada", 2, None).await.unwrap();
    assert_eq!(page.iter().map(|run| run.id.clone()).collect::<Vec<_>>(), [id(4), id(3)]);
    assert_eq!((page[0].status, page[0].kind.as_str()), (None, "code"));
    assert_eq!(
        (page[1].status, page[1].exit_code, page[1].kind.as_str()),
        (Some(Status::Error), Some(3), "command")
    );
    let rest = journal.runs("ada", 10, Some(&page[1].id)).await.unwrap();
    assert_eq!(rest.len(), 3);

    let entry = journal.run("ada", &id(3)).await.unwrap();
    assert_eq!((entry.code.as_str(), entry.outcome), ("ls", Some(outcome(3))));
    for (caller, number) in [("bob", 3), ("ada", 9), ("ada", 77)] {
        assert_eq!(journal.run(caller, &id(number)).await.unwrap_err().code(), "answer_unknown");
    }
}

#[tokio::test]
async fn what_a_dead_server_had_begun_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("j")).await.unwrap();
    for (number, server) in [(1, "dead"), (2, "dead"), (3, "alive")] {
        journal.run_begins(&begin(number, "ada", server)).await.unwrap();
    }
    journal.run_ends(&outcome(1)).await.unwrap();
    let mut servers = journal.servers_with_runs().await.unwrap();
    servers.sort();
    assert_eq!(servers, ["alive", "dead"]);
    assert_eq!(journal.server_is_gone("dead").await.unwrap(), 1);
    let status = |runs: &[journal::RunSummary]| runs.iter().map(|run| run.status).collect::<Vec<_>>();
    let runs = journal.runs("ada", 10, None).await.unwrap();
    assert_eq!(status(&runs), [None, Some(Status::Lost), Some(Status::Error)]);
    assert_eq!(journal.run("ada", &id(2)).await.unwrap().outcome, None);

    assert_eq!(journal.prune_runs(1).await.unwrap(), 2);
    assert_eq!(journal.runs("ada", 10, None).await.unwrap().len(), 1);
}
