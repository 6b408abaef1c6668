//! Bash, JavaScript, TypeScript and R beside Python, and what isolation is told.

use crate::bench::Bench;
use protocol::{Category, Language, Status, Wall};
use serde_json::json;

pub async fn bash_keeps_state(bench: Bench) {
    let Some(context) = bench.speaking(Language::Bash).await else { return };
    bench
        .print(
            &context,
            "x=1; export Y=2; a=(p 'q r'); mkdir d; cd d; f() { echo \"f $1\"; }; shopt -s nullglob",
        )
        .await;
    let told = bench.print(&context, "echo $x; sh -c 'echo $Y'; pwd; f 3; echo \"${a[1]}\" *").await;
    assert_eq!(told, "1\n2\n/workspace/d\nf 3\nq r\n");
    let loud = bench.run(&context, "echo o; echo e >&2").await;
    assert_eq!((loud.stdout.as_str(), loud.stderr.as_str()), ("o\n", "e\n"));
    assert_eq!(
        bench.print(&context, "echo 'größe 图' | rev; printf 'no newline'").await,
        "图 eßörg\nno newline"
    );
    assert_eq!(
        bench.print(&context, "cat <<END\nhere $x\nEND\nread line || echo eof").await,
        "here 1\neof\n"
    );
    assert_eq!(bench.run(&context, "echo made > made.txt").await.files[0].path, "d/made.txt");
}

pub async fn bash_errors(bench: Bench) {
    let Some(context) = bench.speaking(Language::Bash).await else { return };
    bench.print(&context, "x=kept").await;
    for (code, exit_code, stdout) in [
        ("echo before; false", 1, "before\n"),
        ("exit 3", 3, ""),
        ("(exit 4)", 4, ""),
        ("set -e\necho one\nfalse\necho two", 1, "one\n"),
        ("set +e; no_such_program", 127, ""),
        ("/etc/passwd", 126, ""),
        ("kill -9 $(sh -c 'echo $$; sleep 0' & echo $!) 2>/dev/null; exit 300", 44, ""),
        ("return 2", 2, ""),
    ] {
        let outcome = bench.run(&context, code).await;
        let seen = (outcome.status, outcome.exit_code, outcome.context_alive, outcome.stdout.as_str());
        assert_eq!(seen, (Status::Error, exit_code, true, stdout), "{code}: {outcome:?}");
        assert_eq!(bench.print(&context, "echo $x").await, "kept\n", "{code}");
    }
    let syntax = bench.run(&context, "echo on\nif").await;
    let error = syntax.error.unwrap();
    assert_eq!((error.category, syntax.context_alive), (Category::Syntax, true), "{error:?}");
    let gone = bench.run(&context, "kill -9 $$").await;
    assert_eq!((gone.status, gone.exit_code, gone.context_alive), (Status::Killed, 137, false), "{gone:?}");
}

pub async fn javascript_keeps_state(bench: Bench) {
    let Some(context) = bench.speaking(Language::Javascript).await else { return };
    bench
        .print(
            &context,
            "const x = 20; let y = 1; class C { get z() { return x } }; function double(n) { return 2 * n }",
        )
        .await;
    let outcome = bench.run(&context, "console.log('log'); console.error('err'); double(x) + 2").await;
    let seen = (outcome.stdout.as_str(), outcome.stderr.as_str(), outcome.results.len());
    assert_eq!(seen, ("log\n", "err\n", 1));
    for (code, text) in [
        ("double(x) + 2", Some("42")),
        ("y += 1; y", Some("2")),
        ("new C().z", Some("20")),
        ("await new Promise(done => setTimeout(() => done('late'), 20))", Some("'late'")),
        ("async function main() { return 7 }; main()", Some("7")),
        ("const x = 5; x", Some("5")),
        ("undefined", None),
        ("({ a: [1, { b: 2 }] })", Some("{ a: [ 1, { b: 2 } ] }")),
        ("`größe ${'图'}`", Some("'größe 图'")),
        ("const { a, ...rest } = { a: 1, b: 2 }; rest", Some("{ b: 2 }")),
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!(outcome.status, Status::Ok, "{code}: {outcome:?}");
        let seen = outcome.results.first().map(|bundle| bundle.data["text/plain"].clone());
        assert_eq!(seen, text.map(|text| json!(text)), "{code}");
    }
    let code = "require('fs').writeFileSync('made.txt', 'x'); process.cwd()";
    let outcome = bench.run(&context, code).await;
    assert_eq!(outcome.results[0].data["text/plain"], json!("'/workspace'"));
    assert_eq!(outcome.files[0].path, "made.txt");
}

pub async fn javascript_errors(bench: Bench) {
    let Some(context) = bench.speaking(Language::Javascript).await else { return };
    bench.print(&context, "var x = 'kept'\nfunction thrower() {\n\n\n  throw new RangeError() }").await;
    for (code, name, line) in [
        ("\nnull.x", "TypeError", Some(2)),
        ("throw new RangeError('far')", "RangeError", Some(1)),
        ("let 1x", "SyntaxError", Some(1)),
        ("let y =", "SyntaxError", Some(1)),
        ("x\nf2({\n", "SyntaxError", Some(2)),
        ("\nthrower()", "RangeError", Some(2)),
        ("await Promise.reject(new Error('later'))", "Error", Some(1)),
        ("function f() { f() }; f()", "RangeError", Some(1)),
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!(
            (outcome.status, outcome.exit_code, outcome.context_alive),
            (Status::Error, 1, true),
            "{code}"
        );
        let error = outcome.error.unwrap();
        assert_eq!((error.name.as_str(), error.line), (name, line), "{code}: {error:?}");
        assert_eq!(error.category == Category::Syntax, name == "SyntaxError", "{code}");
        assert_eq!(bench.print(&context, "console.log(x)").await, "kept\n", "{code}");
    }
    let missing = bench.run(&context, "require('no-such-module')").await;
    assert_eq!(missing.error.unwrap().category, Category::Import);
    let exit = bench.run(&context, "process.exit(7)").await;
    assert_eq!((exit.status, exit.exit_code), (Status::Error, 7), "{exit:?}");
}

pub async fn typescript_keeps_state(bench: Bench) {
    let Some(context) = bench.speaking(Language::Typescript).await else { return };
    for (code, text) in [
        ("interface Point { x: number }\nconst p: Point = { x: 20 };\np", Some("{ x: 20 }")),
        ("enum Colour { Red, Green = 5 }\nfunction twice<T>(a: T): T[] { return [a, a] }", None),
        ("twice<number>(p.x as number).length + Colour.Green", Some("7")),
        ("import type { Stats } from 'fs';\nimport { basename } from 'path';\nbasename('a/b')", Some("'b'")),
        ("const late: string = await Promise.resolve('late'); late", Some("'late'")),
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!(outcome.status, Status::Ok, "{code}: {outcome:?}");
        let seen = outcome.results.first().map(|bundle| bundle.data["text/plain"].clone());
        assert_eq!(seen, text.map(|text| json!(text)), "{code}");
    }
    for (code, name, line) in [
        ("type A = string;\n\ninterface B {}\nthrow new TypeError('t')", "TypeError", Some(4)),
        ("\nlet b: number = ]", "SyntaxError", Some(2)),
    ] {
        let error = bench.run(&context, code).await.error.unwrap();
        assert_eq!((error.name.as_str(), error.line), (name, line), "{code}: {error:?}");
    }
    assert_eq!(bench.print(&context, "console.log(p.x)").await, "20\n");
}

pub async fn r_keeps_state(bench: Bench) {
    let Some(context) = bench.speaking(Language::R).await else { return };
    bench
        .print(&context, "x <- 20; double <- function(n) 2 * n; setClass('P', representation(a = 'numeric'))")
        .await;
    let outcome = bench.run(&context, "cat('out\\n'); message('err'); double(x)\nx + 1").await;
    let shown: Vec<_> =
        outcome.results.iter().map(|bundle| (&bundle.data["text/plain"], bundle.main)).collect();
    assert_eq!(shown, [(&json!("[1] 40"), false), (&json!("[1] 21"), true)], "{outcome:?}");
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
    for (code, text) in [
        ("x <- x + 1", None),
        ("x; invisible(x)", Some("[1] 21")),
        ("c(größe = '图')", Some("größe \n \"图\" ")),
        ("head(mtcars[, 1:2], 1)", Some("          mpg cyl\nMazda RX4  21   6")),
        ("coef(lm(y ~ x, data.frame(x = 1:3, y = 2 * 1:3)))[['x']]", Some("[1] 2")),
        ("new('P', a = 1)@a", Some("[1] 1")),
        ("library(grid); is.function(grid.rect)", Some("[1] TRUE")),
        ("getwd()", Some("[1] \"/workspace\"")),
        ("readLines('stdin')", Some("character(0)")),
    ] {
        let outcome = bench.run(&context, code).await;
        assert_eq!(outcome.status, Status::Ok, "{code}: {outcome:?}");
        let seen = outcome.results.first().map(|bundle| bundle.data["text/plain"].clone());
        assert_eq!(seen, text.map(|text| json!(text)), "{code}");
    }
    let made = bench.run(&context, "dir.create('d'); setwd('d'); writeLines('x', 'made.txt')").await;
    assert_eq!(made.files[0].path, "d/made.txt");
    assert_eq!(
        bench.print(&context, "cat(basename(getwd()), system('cat made.txt', intern = TRUE))").await,
        "d x"
    );
}

pub async fn r_errors_and_plots(bench: Bench) {
    let Some(context) = bench.speaking(Language::R).await else { return };
    bench.print(&context, "x <- 'kept'\nthrower <- function() {\n\n\n  stop('far') }").await;
    for (code, name, line, category) in [
        ("\nno_such", "simpleError", 2, Category::Exception),
        ("\n{\n  thrower()\n}", "simpleError", 3, Category::Exception),
        ("cat(1)\nx y", "SyntaxError", 2, Category::Syntax),
        ("f(", "SyntaxError", 1, Category::Syntax),
        ("library(no_such)", "packageNotFoundError", 1, Category::Import),
    ] {
        let outcome = bench.run(&context, code).await;
        let seen = (outcome.status, outcome.exit_code, outcome.context_alive);
        assert_eq!(seen, (Status::Error, 1, true), "{code}: {outcome:?}");
        let error = outcome.error.unwrap();
        assert_eq!(
            (error.name.as_str(), error.line, error.category),
            (name, Some(line), category),
            "{error:?}"
        );
        assert_eq!(bench.print(&context, "cat(x)").await, "kept", "{code}");
    }
    let exit = bench.run(&context, "quit(status = 7)").await;
    assert_eq!((exit.status, exit.exit_code, exit.context_alive), (Status::Error, 7, true), "{exit:?}");
    for code in ["repeat {}", "Sys.sleep(60)", "system('sleep 60')"] {
        let late = bench.within(&context, code, 400).await;
        assert_eq!((late.status, late.context_alive), (Status::Timeout, true), "{code}: {late:?}");
    }
    let drawn = bench.run(&context, "plot(1:3, main = x); hist(c(1, 2, 2))\ninvisible(1)").await;
    assert_eq!((drawn.status, drawn.stderr.as_str(), drawn.files.len()), (Status::Ok, "", 0), "{drawn:?}");
    let pictures =
        drawn.results.iter().filter(|bundle| bundle.data.contains_key("image/png") && !bundle.main);
    assert_eq!((pictures.count(), drawn.results.len()), (2, 2));
    let gone = bench.run(&context, "tools::pskill(Sys.getpid(), 9); Sys.sleep(9)").await;
    assert_eq!((gone.status, gone.exit_code, gone.context_alive), (Status::Killed, 137, false), "{gone:?}");
}

pub async fn isolation_is_told(bench: Bench) {
    let outcome = bench.fresh("print(1)").await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    let isolation = outcome.isolation.unwrap();
    for wall in [Wall::UserNs, Wall::MountNs, Wall::PidNs, Wall::NetNs, Wall::Seccomp, Wall::CapsDropped] {
        assert!(isolation.walls.contains(&wall), "{wall}: {isolation:?}");
    }
    assert_eq!(isolation.walls.len() + isolation.missing.len(), Wall::ALL.len());
    assert!(outcome.usage.wall_ms > 0.0);
}
