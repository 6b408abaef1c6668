//! Pages and texts: what is in them, and that nothing hostile is.

use crate::samples;
use journal::{Entry, export};
use protocol::{Answer, CodeRun};
use serde_json::json;

fn entry(answer: Answer) -> Entry {
    Entry {
        answer,
        caller: "ada".to_owned(),
        conversation: None,
        started_at: "2026-11-21T03:08:47.123Z".to_owned(),
        ended_at: Some("2026-11-21T03:08:53.001Z".to_owned()),
        complete: true,
    }
}

#[test]
fn a_text_has_everything_in_order() {
    let text = export::markdown(&entry(samples::answer(1, "Which region?\nShow it.")));
    let order = [
        "# Question\n\n> Which region?\n> Show it.\n",
        "| model | anthropic:claude-test |",
        "| asked | 2026-11-21 03:08:47 UTC |",
        "| cost | $0.0123 |",
        "I'll load the file first.",
        "```python\nimport pandsa\n```",
        "_error_\n\n```text\nTraceback",
        "\nModuleNotFoundError: No module named 'pandsa'\nhint: pandas is installed\n",
        "_stdout_\n\n```text\n4 rows\n```",
        "_stderr_\n\n```text\na warning\n```",
        &format!("![figure 1](data:image/png;base64,{})", samples::PNG),
        "```text\n   a\n0  1\n```",
        "_policy_\n\n```text\ndenied, line 1, call-denied: exec is not allowed (call the function itself)\n```",
        "```bash\nwc -l sales.csv\n```",
        "# Answer\n\n**North** grew fastest: 42 %.\n",
    ];
    let mut rest = text.as_str();
    for part in order {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is not where it belongs in\n{text}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!((rest, text.matches("grew fastest").count()), ("", 1));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn pictures_lie_beside_a_text() {
    let beside = export::markdown_beside(&entry(samples::answer(1, "x")), "my sales");
    assert!(beside.text.contains("![figure 1](<my sales-1.png>)"), "{}", beside.text);
    let [(name, bytes)] = &beside.pictures[..] else { panic!("{:?}", beside.pictures) };
    assert!(name == "my sales-1.png" && bytes.starts_with(b"\x89PNG"), "{name}");
    assert!(!beside.text.contains("base64"));
}

/// Things that must not come alive, wherever they stand.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "</code></pre><script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<!-- --!><meta http-equiv=refresh content='0;url=https://x.example'>",
    "[click](javascript:alert(1)) ![see](https://x.example/pixel.png) <a href=\"javascript:alert(1)\">x</a>",
];

/// `text` in every place that an answer has.
fn everywhere(text: &str) -> Entry {
    let run: CodeRun = samples::run(
        1,
        1,
        "python",
        text,
        json!({
            "stdout": text, "stderr": text, "status": "error",
            "results": [
                {"main": true, "data": {"text/html": text}},
                {"main": false, "data": {"text/plain": text}},
                {"main": false, "data": {"text/markdown": text}},
                {"main": false, "data": {"image/svg+xml": text}},
                {"main": false, "data": {"image/png": text}},
                {"main": false, "data": {"application/json": {text: text}}},
                {"main": false, "data": {text: text}},
            ],
            "error": {"category": "exception", "name": text, "message": text, "traceback": [text], "line": 1,
                "retryable": true, "hint": text},
            "files": [{"path": text, "size": 1, "mime": text, "sha256": null, "change": "created"}],
            "findings": [{"rule": text, "kind": "advice", "line": 1, "column": 1, "end_line": 1, "end_column": 2,
                "message": text, "hint": text}],
        }),
    );
    let mut answer = samples::answer(1, text);
    answer.model = text.to_owned();
    answer.turns = vec![samples::turn(1, text, std::slice::from_ref(&run)), samples::turn(2, "done", &[])];
    answer.answer = format!("{text} at the end");
    answer.error = serde_json::from_value(json!({"code": text, "message": text, "hint": text})).ok();
    answer.executions = vec![run];
    entry(answer)
}

#[test]
fn a_page_runs_nothing() {
    for hostile in HOSTILE {
        let page = export::html(&everywhere(hostile));
        let tags = tags(&page);
        for tag in &tags {
            let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
            assert!(KNOWN.contains(&name), "{hostile}: <{tag}>");
            let allowed = ["class", "href", "src", "alt", "lang", "charset", "content", "name", "http-equiv"];
            for attribute in attributes(tag) {
                assert!(allowed.contains(&attribute.0.as_str()), "{hostile}: <{tag}>");
                let value = attribute.1;
                match attribute.0.as_str() {
                    "src" => assert!(value.starts_with("data:image/"), "{hostile}: <{tag}>"),
                    "href" => assert!(value == "#" || value.starts_with("https://"), "{hostile}: <{tag}>"),
                    "http-equiv" => assert_eq!(value, "Content-Security-Policy", "{hostile}"),
                    _ => {}
                }
            }
        }
        assert!(page.contains("default-src 'none'") && tags.len() > 30, "{hostile}: {tags:?}");
        assert!(!page.contains("https://x.example/pixel.png\""), "{hostile}: a picture from elsewhere");
    }
}

/// Elements that we write ourselves, or that Markdown makes.
const KNOWN: [&str; 33] = [
    "!DOCTYPE",
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "header",
    "h1",
    "h2",
    "dl",
    "div",
    "dt",
    "dd",
    "section",
    "p",
    "b",
    "pre",
    "code",
    "span",
    "img",
    "details",
    "summary",
    "a",
    "em",
    "strong",
    "table",
    "ul",
    "ol",
    "li",
    "blockquote",
    "br",
];

/// What stands between `<` and `>`, as a browser would see it: quoted values may hold both.
fn tags(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut chars = page.chars();
    while chars.by_ref().any(|c| c == '<') {
        let mut tag = String::new();
        let mut quote = None;
        for c in chars.by_ref() {
            match quote {
                None if c == '>' => break,
                None if c == '"' || c == '\'' => quote = Some(c),
                Some(open) if c == open => quote = None,
                _ => {}
            }
            tag.push(c);
        }
        tags.push(tag);
    }
    tags
}

/// Names and values of a tag's attributes.
fn attributes(tag: &str) -> Vec<(String, String)> {
    if tag.starts_with('!') || tag.starts_with('/') {
        return Vec::new();
    }
    let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest);
    let mut found = Vec::new();
    while let Some((name, after)) = rest.trim_start().split_once("=\"") {
        let (value, more) = after.split_once('"').expect("a quoted value ends");
        found.push((name.to_owned(), value.to_owned()));
        rest = more;
    }
    assert!(rest.trim().is_empty(), "an attribute without quotes: {tag}");
    found
}

#[test]
fn a_page_shows_what_happened() {
    let page = export::html(&entry(samples::answer(1, "Which region <fast>?")));
    for part in [
        "<title>Which region &lt;fast&gt;?</title>",
        "<strong>North</strong> grew fastest: 42 %.",
        "<pre class=\"code\"><code>import pandsa</code></pre>",
        "class=\"run failed\"",
        &format!("src=\"data:image/png;base64,{}\"", samples::PNG),
        "plot.png (70 bytes)",
        "denied, line 1, call-denied",
        "<dd>$0.0123</dd>",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert_eq!(page.matches("grew fastest").count(), 1);

    let mut turned = samples::answer(1, &"long ".repeat(50));
    turned.executions[0].code = "a = 'user\u{202e}'".to_owned();
    let page = export::html(&entry(turned));
    assert!(
        page.contains("<h1 class=\"long\">long long") && page.contains("a = &#39;user\\u{202e}&#39;"),
        "{page}"
    );
}

#[test]
fn an_answer_that_has_not_ended_says_so() {
    let mut cut = entry(samples::answer(1, "x"));
    cut.complete = false;
    cut.answer.error =
        serde_json::from_value(json!({"code": "incomplete", "message": "it broke off", "hint": null})).ok();
    let notebook = export::notebook(&cut).unwrap();
    for text in [export::html(&cut), export::markdown(&cut), notebook] {
        assert!(text.contains("incomplete") && text.contains("it broke off"), "{text}");
    }
}
