//! What does not fit is an error of the protocol; nothing of it is carried out.

use crate::client::Client;
use serde_json::{Value, json};

#[test]
fn bad_arguments_are_errors_of_the_protocol() {
    let mut client = Client::start(&[]);
    let id = format!("sbx_{:032x}", 1);
    let cases: [(&str, Value, &str); 18] = [
        ("run_code", json!({}), "missing field `code`"),
        ("run_code", json!({ "code": " \n" }), "code is empty"),
        ("run_code", json!({ "code": 1 }), "invalid type"),
        ("run_code", json!({ "code": "1", "lang": "bash" }), "unknown field `lang`"),
        ("run_code", json!({ "code": "1", "language": "ruby" }), "unknown variant `ruby`"),
        ("run_code", json!({ "code": "1", "timeout": 0 }), "timeout is 0"),
        ("run_code", json!({ "code": "1", "timeout": 31 }), "at most 30 seconds"),
        ("run_code", json!({ "code": "1", "sandbox": "mine" }), "expected sbx_"),
        ("run_code", json!({ "code": "1", "files": [{ "path": "x" }] }), "needs either text or base64"),
        ("run_code", json!([1]), "parameters of tools/call"),
        ("run_command", json!({ "command": "" }), "command is empty"),
        ("create_sandbox", json!({ "ttl_seconds": 0 }), "ttl_seconds is 0"),
        ("create_sandbox", json!({ "ttl_seconds": -1 }), "invalid value"),
        ("close_sandbox", json!({ "sandbox": "../x" }), "expected sbx_"),
        ("list_files", json!({ "sandbox": id, "depth": 17 }), "depth is 17"),
        ("read_file", json!({ "sandbox": id, "path": "x", "length": 0 }), "length is 0"),
        ("write_file", json!({ "sandbox": id, "path": "x", "base64": "%" }), "cannot be decoded"),
        ("no_such_tool", json!({}), "no_such_tool"),
    ];
    for (tool, arguments, part) in cases {
        let answer = client.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        assert_eq!(answer["error"]["code"], -32602, "{tool} {arguments}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{tool} {arguments}: {answer}");
    }
    for uri in [format!("belljar://{id}/files/x"), "file:///etc/passwd".to_owned()] {
        let answer = client.ask("resources/read", json!({ "uri": uri }));
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["data"]["uri"]),
            (&json!(-32002), &json!(uri))
        );
    }
    let answer = client.ask("no/such/method", json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    assert_eq!(client.close().0, Some(0));
}
