//! Answers such as the agent makes them.

use journal::{Begin, Journal};
use protocol::{Answer, AnswerId, CodeRun, ExecutionId, Turn};
use serde_json::{Value, json};

/// One pixel.
pub const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Nobody else's bits: an id made of this number.
pub fn id(number: u128) -> AnswerId {
    AnswerId::from_bits(number)
}

/// Code and how it ended; `outcome` has what differs from a silent success.
pub fn run(answer: u128, attempt: u32, language: &str, code: &str, outcome: Value) -> CodeRun {
    let execution = ExecutionId::from_bits(answer.wrapping_mul(1000).wrapping_add(u128::from(attempt)));
    let mut whole = json!({
        "id": execution, "sandbox": "sbx_000000000000000000000000000000aa", "language": language, "status": "ok",
        "exit_code": 0, "stdout": "", "stderr": "", "results": [], "files": [], "findings": [],
        "truncated": {"stdout_bytes": 0, "stderr_bytes": 0}, "context_alive": true,
        "usage": {"wall_ms": 12.5, "cpu_ms": 9.0, "memory_peak_bytes": 41_943_040},
    });
    for (key, value) in outcome.as_object().expect("an object") {
        whole[key] = value.clone();
    }
    let language = whole["language"].clone();
    let fields = json!({"call": format!("call_{attempt}"), "attempt": attempt, "language": language, "code": code, "outcome": whole});
    serde_json::from_value(fields).expect("a run")
}

/// A reply that asked for these executions.
pub fn turn(number: u32, text: &str, runs: &[CodeRun]) -> Turn {
    let ids: Vec<&ExecutionId> = runs.iter().map(|run| &run.outcome.id).collect();
    let stop = if runs.is_empty() { "end_turn" } else { "tool_use" };
    serde_json::from_value(json!({
        "turn": number, "text": text, "stop": stop, "model_ms": 812.5, "retries": 0, "request_id": "req_1",
        "tokens": {"input": 900, "output": 120, "cache_read": 400, "cache_write": 0, "reasoning": 0},
        "executions": ids,
    }))
    .expect("a turn")
}

/// An answer with a wrong import, its repair with a picture and a table, a denial and a shell command.
pub fn answer(number: u128, prompt: &str) -> Answer {
    let import = json!({"category": "import", "name": "ModuleNotFoundError", "message": "No module named 'pandsa'",
        "traceback": ["Traceback (most recent call last):", "  Cell 1, line 1", "\u{1b}[31mModuleNotFoundError\u{1b}[0m: No module named 'pandsa'"],
        "line": 1, "retryable": true, "hint": "pandas is installed"});
    let denied = json!({"category": "policy", "name": "PolicyError", "message": "exec is not allowed", "line": 1,
        "retryable": true, "hint": null});
    let rule = json!({"rule": "call-denied", "kind": "denied", "line": 1, "column": 1, "end_line": 1, "end_column": 5,
        "message": "exec is not allowed", "hint": "call the function itself"});
    let runs = vec![
        run(
            number,
            1,
            "python",
            "import pandsa",
            json!({"status": "error", "exit_code": 1, "error": import}),
        ),
        run(
            number,
            2,
            "python",
            "import pandas as pd\ndf = pd.read_csv('sales.csv')\ndf.plot()\ndf",
            json!({
                "stdout": "4 rows\n", "stderr": "a warning\n",
                "results": [
                    {"main": false, "data": {"image/png": PNG, "text/plain": "<Figure size 640x480>"}},
                    {"main": true, "data": {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "   a\n0  1"}},
                ],
                "files": [{"path": "plot.png", "size": 70, "mime": "image/png", "sha256": null, "change": "created"}],
            }),
        ),
        run(
            number,
            3,
            "python",
            "exec('1')",
            json!({"status": "denied", "exit_code": 126, "sandbox": null, "error": denied, "findings": [rule]}),
        ),
        run(number, 4, "bash", "wc -l sales.csv", json!({"stdout": "5 sales.csv\n"})),
    ];
    let turns = vec![
        turn(1, "I'll load the file first.", &runs[..1]),
        turn(2, "The module is called **pandas**.", &runs[1..2]),
        turn(3, "", &runs[2..]),
        turn(4, "**North** grew fastest: 42 %.", &[]),
    ];
    serde_json::from_value(json!({
        "id": id(number), "prompt": prompt, "model": "anthropic:claude-test", "status": "ok",
        "answer": "**North** grew fastest: 42 %.", "error": null, "turns": turns, "code_attempts": 3,
        "usage": {"input": 3600, "output": 480, "cache_read": 1600, "cache_write": 0, "reasoning": 0},
        "cost_usd": 0.0123, "wall_ms": 5250.0, "executions": runs,
    }))
    .expect("an answer")
}

/// Writes an answer as the agent does: begin, turn by turn, end.
pub async fn write(journal: &Journal, caller: &str, answer: &Answer) {
    begin(journal, caller, answer).await;
    for turn in &answer.turns {
        let runs = answer.executions.iter().filter(|run| turn.executions.contains(&run.outcome.id));
        let runs: Vec<CodeRun> = runs.cloned().collect();
        journal.turn(&answer.id, turn, &runs).await.expect("write a turn");
    }
    journal.end(&answer.id, answer).await.expect("write the end");
}

/// Writes only that it begins.
pub async fn begin(journal: &Journal, caller: &str, answer: &Answer) {
    let (prompt, model) = (&answer.prompt, &answer.model);
    let begin = Begin { id: &answer.id, caller, prompt, model, conversation: None };
    journal.begin(&begin).await.expect("write the beginning");
}
