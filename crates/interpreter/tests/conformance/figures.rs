//! Pictures, tables and formulas, as libraries make them.

use crate::bench::Bench;
use protocol::{Limits, Outcome, step::Blob};

pub async fn plots_are_png(bench: Bench) {
    let Some(bench) = bench.with("data").await else { return };
    let context = bench.python(Limits::default()).await;
    let code = "import matplotlib.pyplot as plt\nprint('before')\nfor n in (3, 5):\n    plt.figure(figsize=(n, 2), dpi=100)\n    \
        plt.plot([1, n])\n    plt.title(f'größe {n}')";
    let outcome = bench.run(&context, code).await;
    assert_eq!(outcome.stdout, "before\n", "{outcome:?}");
    let widths: Vec<u32> = pictures(&outcome).iter().map(|png| width_of_png(png)).collect();
    assert_eq!(widths.len(), 2, "{outcome:?}");
    assert!(widths[0] < widths[1], "in the order in which they were made: {widths:?}");
    assert!(outcome.results.iter().all(|bundle| !bundle.main), "a figure is no last expression");

    for (code, figures) in [
        ("plt.plot([1, 2]); plt.show()", 1),
        // As in every notebook: once as the value, once because it is open.
        ("figure, axes = plt.subplots(); axes.plot([1, 2]); figure", 2),
        ("figure, axes = plt.subplots(); axes.plot([1, 2]); plt.close(); figure", 1),
        ("plt.figure(); plt.close('all')", 0),
        ("plt.plot([1])\n1 / 0", 1),
        ("plt.savefig('blank.png'); plt.close('all')", 0),
        ("import math", 0),
    ] {
        let outcome = bench.run(&context, code).await;
        let pictures = pictures(&outcome);
        assert_eq!(pictures.len(), figures, "{code}: {outcome:?}");
        pictures.iter().for_each(|png| assert!(width_of_png(png) > 0, "{code}"));
    }
}

pub async fn tables_pictures_and_formulas(bench: Bench) {
    let Some(bench) = bench.with("code-interpreter").await else { return };
    let context = bench.python(Limits { memory_bytes: 1 << 30, ..Limits::default() }).await;
    for (code, mime, part) in [
        ("import pandas\npandas.DataFrame({'größe': [1.5, None], 'b': ['x', '<i>']})", "text/html", "<table"),
        (
            "pandas.DataFrame({'t': pandas.to_datetime(['2026-01-02', None]), 'n': [1.5, None]})",
            "application/vnd.belljar.table+json",
            "{\"t\":[\"2026-01-02T00:00:00\",null],\"n\":[1.5,null]}",
        ),
        ("[1, {'a': None}]", "application/json", "[1,{\"a\":null}]"),
        (
            "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2]);",
            "application/vnd.belljar.chart+json",
            "{\"label\":\"b\",\"group\":\"Group 0\",\"value\":2.0}",
        ),
        ("pandas.DataFrame({'a': range(3)}).style.format('{:.1f}')", "text/html", "<table"),
        ("pandas.Series([1, 2], name='s')", "text/plain", "Name: s"),
        ("import sympy\nx = sympy.Symbol('x')\nsympy.Integral(sympy.sqrt(1 / x), x)", "text/latex", "\\int"),
        ("from PIL import Image\nImage.new('RGB', (8, 4), 'red')", "image/png", "iVBORw0KGgo"),
        (
            "import plotly.express as px\npx.bar(x=['a'], y=[1])",
            "application/vnd.plotly.v1+json",
            "\"type\":\"bar\"",
        ),
        (
            "from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
            "image/svg+xml",
            "<svg",
        ),
        ("import numpy\nnumpy.arange(6).reshape(2, 3)", "text/plain", "array([[0, 1, 2],"),
        ("import polars\npolars.DataFrame({'a': [1, 2]})", "text/html", "<table"),
    ] {
        let outcome = bench.run(&context, code).await;
        let value = outcome.results.first().and_then(|bundle| bundle.data.get(mime));
        let value = value.unwrap_or_else(|| panic!("{code}: {outcome:?}"));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert!(text.contains(part), "{code}: {text}");
        assert_eq!(value.is_string(), !mime.ends_with("json"), "JSON comes as JSON: {code}");
    }
}

fn pictures(outcome: &Outcome) -> Vec<Vec<u8>> {
    let found = outcome.results.iter().filter_map(|bundle| bundle.data.get("image/png"));
    found.map(|png| serde_json::from_value::<Blob>(png.clone()).expect("base64").0).collect()
}

/// Walks all chunks of a PNG file.
fn width_of_png(png: &[u8]) -> u32 {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let (mut at, mut names) = (8, Vec::new());
    while at < png.len() {
        names.push(&png[at + 4..at + 8]);
        at += number(at) as usize + 12;
    }
    assert_eq!((at, names.first(), names.last()), (png.len(), Some(&&b"IHDR"[..]), Some(&&b"IEND"[..])));
    number(16)
}
