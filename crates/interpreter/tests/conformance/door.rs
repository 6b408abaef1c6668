//! What is asked for, and what is refused.

use crate::bench::Bench;
use interpreter::{Caller, ContextRequest, Error, ExecuteRequest, Place, SandboxRequest};
use protocol::{Category, Language, Level, Limits, Require, Status};
use std::collections::BTreeMap;

pub async fn limits_that_cannot_hold(bench: Bench) {
    let least = Limits::default();
    for (name, limits) in [
        ("timeout", Limits { timeout_ms: 0, ..least.clone() }),
        ("cpu", Limits { cpu_ms: Some(0), ..least.clone() }),
        ("memory", Limits { memory_bytes: 1, ..least.clone() }),
        ("pids", Limits { pids: 0, ..least.clone() }),
        ("disk", Limits { disk_bytes: 0, ..least.clone() }),
        ("open_files", Limits { open_files: 3, ..least.clone() }),
        ("cpus", Limits { cpu_millis: 0, ..least.clone() }),
        ("output_bytes", Limits { output_bytes: u64::MAX, ..least.clone() }),
        ("results", Limits { results: u32::MAX, ..least.clone() }),
        ("results_bytes", Limits { results_bytes: u64::MAX, ..least.clone() }),
    ] {
        let asked = bench.interpreter.create_sandbox(&Caller::local(), bench.request(limits)).await;
        let Err(Error::Limits(error)) = asked else { panic!("{name}: {asked:?}") };
        assert_eq!(error.name, name);
    }
    let smallest = Limits { pids: 16, open_files: 32, disk_bytes: 64 << 10, cpu_millis: 200, ..least };
    let context = bench.python(smallest).await;
    assert_eq!(bench.print(&context, "print('small')").await, "small\n");
}

pub async fn others_do_not_find_it(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let (mine, other) = (Caller::local(), Caller("somebody else".to_owned()));
    let id = context.sandbox().id();
    assert!(bench.interpreter.sandbox(&mine, id).is_ok());
    let missing = bench.interpreter.sandbox(&other, id).unwrap_err();
    assert_eq!(missing.code(), "not_found");
    for place in [Place::Context(context.clone()), Place::Sandbox(context.sandbox().clone())] {
        let request = ExecuteRequest::new("print(1)", Language::Python, place);
        let refused = bench.interpreter.execute(&other, request).await.unwrap_err();
        assert_eq!(refused.to_string(), missing.to_string(), "as if it were not there");
    }
    assert_eq!(bench.print(&context, "print(1)").await, "1\n");
}

pub async fn below_what_is_required(bench: Bench) {
    let isolation = bench.python(Limits::default()).await.sandbox().isolation();
    assert!(isolation.level < Level::Remote);
    for (require, met) in [
        (Require::Level(Level::Remote), false),
        (Require::Level(isolation.level), true),
        (Require::Strength(isolation.strength), true),
    ] {
        let request = SandboxRequest { require: Some(require), ..bench.request(Limits::default()) };
        let made = bench.interpreter.create_sandbox(&Caller::local(), request.clone()).await;
        let place = Place::Fresh(request);
        let run = ExecuteRequest::new("open('/tmp/ran', 'w')", Language::Python, place);
        let ran = bench.interpreter.execute(&Caller::local(), run).await;
        match met {
            true => {
                made.unwrap();
                assert_eq!(ran.unwrap().outcome().await.status, Status::Ok);
            }
            false => {
                assert_eq!(made.unwrap_err().code(), "below_required");
                let error = ran.unwrap_err();
                assert_eq!((error.code(), error.exit_code()), ("below_required", 126));
                assert!(error.hint().unwrap().contains("belljar doctor"));
            }
        }
    }
}

pub async fn nothing_to_run_it_with(bench: Bench) {
    let bare = SandboxRequest { template: None, ..bench.request(Limits::default()) };
    let request = ExecuteRequest::new("print(1)", Language::Python, Place::Fresh(bare));
    let outcome = bench.execute(request).await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Error, 127), "{outcome:?}");
    let error = outcome.error.unwrap();
    assert_eq!(error.name, "InterpreterMissing");
    assert!(error.hint.unwrap().contains("template"), "what helps");
}

pub async fn environment_and_directory(bench: Bench) {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let env = BTreeMap::from([pair("WHOLE", "sandbox"), pair("BOTH", "sandbox"), pair("größe", "a b\n'$x'")]);
    let request = SandboxRequest { env, ..bench.request(Limits::default()) };
    let sandbox = bench.interpreter.create_sandbox(&Caller::local(), request).await.unwrap();
    sandbox.files().make_dir("sub dir/größe").await.unwrap();
    for (language, code) in [
        (
            Language::Python,
            "import os\nprint(os.getcwd())\nfor n in ['WHOLE', 'BOTH', 'OWN', 'größe']: print(os.environ[n])\n!echo $OWN",
        ),
        (Language::Bash, "pwd; printenv WHOLE BOTH OWN größe; sh -c 'echo $OWN'"),
    ] {
        let request = ContextRequest {
            language,
            cwd: Some("/workspace/sub dir/größe".to_owned()),
            env: BTreeMap::from([pair("BOTH", "context"), pair("OWN", "context")]),
            stdin: false,
        };
        let context = sandbox.create_context(request).await.unwrap();
        let told = bench.print(&context, code).await;
        let expected = "/workspace/sub dir/größe\nsandbox\ncontext\ncontext\na b\n'$x'\ncontext\n";
        assert_eq!(told, expected, "{language}");
    }
    let nowhere = ContextRequest { cwd: Some("/workspace/none".to_owned()), ..ContextRequest::default() };
    let context = sandbox.create_context(nowhere).await.unwrap();
    let outcome = bench.run(&context, "print(1)").await;
    assert_eq!((outcome.status, outcome.exit_code), (Status::Error, 127), "{outcome:?}");
    let host = std::env::vars().find(|(name, _)| name.starts_with("CARGO_")).map(|(name, _)| name);
    let names = bench.fresh("import os\nprint(*os.environ)").await.stdout;
    assert!(host.is_none_or(|name| !names.contains(&name)), "the host's environment stays outside: {names}");
}

pub async fn environment_of_one_execution(bench: Bench) {
    let env = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    for (language, show, fails, waits) in [
        (
            Language::Python,
            "import os\nos.environ.setdefault('KEPT', 'cell')\nprint(*[os.environ.get(n, '-') for n in ('OWN', 'KEPT')])",
            "os.environ['OWN'] = 'cell'\n1 / 0",
            "while True: pass",
        ),
        (
            Language::Bash,
            "export KEPT=${KEPT-cell}; echo \"${OWN--}\" \"$(printenv KEPT)\"",
            "OWN=cell; exit 3",
            "while :; do :; done",
        ),
        (
            Language::Javascript,
            "process.env.KEPT ??= 'cell'; console.log(process.env.OWN ?? '-', process.env.KEPT)",
            "process.env.OWN = 'cell'; throw 1",
            "while (true) {}",
        ),
    ] {
        let Some(context) = bench.speaking(language).await else { continue };
        let run = async |code: &str, env| {
            let request = ExecuteRequest::new(code, language, Place::Context(context.clone()));
            bench.execute(ExecuteRequest { env, ..request }).await
        };
        let odd = "größe \"b\"\\ \\\" $x\t\u{1}";
        for (code, env, told) in [
            (show, env(&[("OWN", "1")]), "1 cell"),
            (show, env(&[]), "- cell"),
            (show, env(&[("OWN", odd), ("KEPT", "other")]), &format!("{odd} other")),
            (fails, env(&[("OWN", "2"), ("KEPT", "2")]), ""),
            (show, env(&[]), "- cell"),
        ] {
            let outcome = run(code, env).await;
            assert_eq!(outcome.stdout.trim_end(), told, "{language} {code}: {outcome:?}");
            assert!(outcome.context_alive, "{language} {code}: {outcome:?}");
        }
        let late = ExecuteRequest::new(waits, language, Place::Context(context.clone()));
        let late = ExecuteRequest { env: env(&[("OWN", "3")]), timeout_ms: Some(400), ..late };
        assert_eq!(bench.execute(late).await.status, Status::Timeout);
        assert_eq!(run(show, env(&[])).await.stdout, "- cell\n", "{language}");
        let request = ExecuteRequest::new(show, language, Place::Context(context.clone()));
        let request = ExecuteRequest { env: env(&[("A=B", "")]), ..request };
        let refused = bench.interpreter.execute(&Caller::local(), request).await.unwrap_err();
        assert_eq!(refused.code(), "request", "{language}");
    }
}

pub async fn what_is_destroyed_is_lost(bench: Bench) {
    let context = bench.python(Limits::default()).await;
    let request =
        ExecuteRequest::new("import time\ntime.sleep(60)", Language::Python, Place::Context(context.clone()));
    let running = bench.interpreter.execute(&Caller::local(), request).await.unwrap();
    context.sandbox().destroy().await;
    let outcome = running.outcome().await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Lost, false), "{outcome:?}");
    assert!(!context.is_alive() && !context.sandbox().is_alive());
    assert!(context.sandbox().files().stat("/workspace").await.is_err());
    let again = ExecuteRequest::new("1", Language::Python, Place::Context(context));
    assert_eq!(bench.interpreter.execute(&Caller::local(), again).await.unwrap_err().code(), "lost");
}

pub async fn code_that_no_sandbox_has_to_see(bench: Bench) {
    let place = || Place::Fresh(bench.request(Limits::default()));
    let late = [&b"x = 1\nprint('"[..], b"\xff\xfe", b"')"].concat();
    for (code, category, line) in
        [(late, Category::Syntax, Some(2)), (vec![b'#'; (16 << 20) + 1], Category::Limit, None)]
    {
        let outcome = bench.execute(ExecuteRequest::new(code, Language::Python, place())).await;
        assert_eq!((outcome.status, outcome.exit_code, outcome.sandbox), (Status::Error, 1, None));
        let error = outcome.error.unwrap();
        assert_eq!((error.category, error.line), (category, line), "{error:?}");
        assert!(error.hint.is_some());
    }
    for code in ["", " \n\t\n", "# nothing", "pass;"] {
        let outcome = bench.execute(ExecuteRequest::new(code, Language::Python, place())).await;
        assert_eq!((outcome.status, outcome.results.len()), (Status::Ok, 0), "{code:?}: {outcome:?}");
    }
}
