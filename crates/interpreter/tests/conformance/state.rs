//! What a context remembers, and what it gives back as results.

use crate::bench::Bench;
use interpreter::ContextRequest;
use protocol::{Limits, Status};
use serde_json::json;

pub async fn variables_live_on(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    bench.print(&context, "import math\nx = 20\ndef double(n): return 2 * n").await;
    assert_eq!(bench.print(&context, "print(double(x) + math.floor(2.5))").await, "42\n");
    let failed = bench.run(&context, "x = 1\nraise KeyError('k')").await;
    assert_eq!((failed.status, failed.context_alive), (Status::Error, true));
    assert_eq!(bench.print(&context, "print(x)").await, "1\n");
}

pub async fn contexts_do_not_share(bench: Bench) {
    let first = bench.python(Limits::default()).await;
    let second = first.sandbox().create_context(ContextRequest::default()).await.unwrap();
    bench.print(&first, "secret = 1\nopen('shared', 'w').write('file')").await;
    assert_eq!(
        bench.print(&second, "print('secret' in globals(), open('shared').read())").await,
        "False file\n"
    );
}

pub async fn hundred_cells(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    bench.print(&context, "n = 0").await;
    for expected in 1..=100 {
        let outcome = bench.run(&context, "n += 1\nn").await;
        assert_eq!(outcome.results[0].data["text/plain"], json!(expected.to_string()));
    }
}

pub async fn last_expressions_are_results(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    for (code, text) in
        [("1 + 1", Some("2")), ("x = 1", None), ("'a'", Some("'a'")), ("None", None), ("3;", None)]
    {
        let outcome = bench.run(&context, code).await;
        let seen = outcome.results.first().map(|bundle| bundle.data["text/plain"].clone());
        assert_eq!(seen, text.map(|text| json!(text)), "{code}");
        assert!(outcome.results.iter().all(|bundle| bundle.main), "{code}");
    }
    let code = "import asyncio\nawait asyncio.sleep(0)\n'awaited'";
    assert_eq!(bench.run(&context, code).await.results[0].data["text/plain"], json!("'awaited'"));
}

pub async fn displays_and_updates(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let code = "from IPython.display import display, HTML, JSON\n\
        handle = display('first', display_id=True)\nhandle.update('second')\n\
        display(HTML('<b>x</b>'), JSON({'a': [1]}))\n'last'";
    let outcome = bench.run(&context, code).await;
    let data: Vec<_> = outcome.results.iter().map(|bundle| &bundle.data).collect();
    assert_eq!(data.len(), 4, "{data:?}");
    assert_eq!(data[0]["text/plain"], json!("'second'"));
    assert_eq!(data[1]["text/html"], json!("<b>x</b>"));
    assert_eq!(data[2]["application/json"], json!({"a": [1]}));
    assert_eq!((outcome.results[0].main, outcome.results[3].main), (false, true));
}
