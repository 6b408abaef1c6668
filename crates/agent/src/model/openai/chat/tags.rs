//! Tool calls that a server left in the text: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.

use serde_json::Value;

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// A call as it stood in the text; its arguments are checked by who carries it out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    /// The tool; empty where none could be read.
    pub name: String,
    /// The arguments as JSON, or what stood there.
    pub arguments: String,
}

/// Parts the calls from the text around them. A last tag that is not closed counts: some models stop at the closing tag.
pub(super) fn part(text: &str) -> (String, Vec<Tagged>) {
    let mut said = String::new();
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        said.push_str(before);
        let (call, behind) = after.split_once(CLOSE).unwrap_or((after, ""));
        calls.push(read(call));
        rest = behind;
    }
    said.push_str(rest);
    (if calls.is_empty() { said } else { said.trim().to_owned() }, calls)
}

fn read(call: &str) -> Tagged {
    let Ok(value) = serde_json::from_str::<Value>(call.trim()) else {
        return Tagged { name: String::new(), arguments: call.to_owned() };
    };
    let arguments = match value.get("arguments").or(value.get("parameters")) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    Tagged { name: value["name"].as_str().unwrap_or_default().to_owned(), arguments }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_parted_from_the_text() {
        let call = |name: &str, arguments: &str| Tagged { name: name.into(), arguments: arguments.into() };
        let table: [(&str, &str, Vec<Tagged>); 6] = [
            ("no call ", "no call ", vec![]),
            (
                "Let me see.\n<tool_call>\n{\"name\": \"run_code\", \"arguments\": {\"code\":\"1\"}}\n</tool_call>",
                "Let me see.",
                vec![call("run_code", r#"{"code":"1"}"#)],
            ),
            (
                "<tool_call>{\"name\":\"a\",\"parameters\":{}}</tool_call> <tool_call>{\"name\":\"b\"}</tool_call>",
                "",
                vec![call("a", "{}"), call("b", "")],
            ),
            ("<tool_call>{\"name\":\"a\",\"arguments\":\"{\\\"x\\\":1}\"}", "", vec![call("a", "{\"x\":1}")]),
            ("<tool_call>{\"name\":\"a\",\"argu", "", vec![call("", "{\"name\":\"a\",\"argu")]),
            ("<tool_call></tool_call>", "", vec![call("", "")]),
        ];
        for (text, said, calls) in table {
            assert_eq!(part(text), (said.to_owned(), calls), "{text}");
        }
    }
}
