//! Forks of live contexts. Backends that cannot fork say so.

use crate::bench::Bench;
use interpreter::{Context, ContextRequest, Error, ForkRequest, Forked, History};
use protocol::{Language, Limits, Status};
use std::{sync::Arc, time::Duration};

pub async fn fork(context: &Arc<Context>, count: usize) -> Result<Forked, Error> {
    context.fork(ForkRequest { count, same_random: false }).await
}

/// A context that can be forked; `None` where the backend cannot do that, which it then says.
pub async fn forkable(bench: &Bench) -> Option<Arc<Context>> {
    // Without a control group memory that forks share is counted for each.
    let context = bench.python(Limits { memory_bytes: 2 << 30, ..Limits::default() }).await;
    bench.print(&context, "x = 1").await;
    match fork(&context, 1).await {
        Ok(_) => Some(context),
        Err(Error::ForkUnsupported { backend }) => {
            assert_ne!(backend, "native");
            assert_eq!(bench.print(&context, "print(x)").await, "1\n");
            None
        }
        Err(error) => panic!("cannot {error}"),
    }
}

pub fn reason(error: Error) -> String {
    match error {
        Error::ForkRefused { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

pub async fn forks_have_the_variables_and_files_of_their_own(bench: Bench) {
    let Some(parent) = forkable(&bench).await else { return };
    let make = "import os\nlist_ = [1, 2]\nos.makedirs('d/e')\nopen('d/e/f.txt', 'w').write('parent')\n\
                os.symlink('/workspace/d', 'link'); os.chdir('d')\nopen('/tmp/t', 'w').write('t')";
    bench.print(&parent, make).await;
    let [one, two] = <[_; 2]>::try_from(fork(&parent, 2).await.unwrap().contexts).unwrap();
    for (context, name) in [(&one, "one"), (&two, "two")] {
        let code = format!(
            "list_.append('{name}'); open('e/f.txt', 'a').write(' {name}'); open('/workspace/{name}', 'w').close()\n\
             print(list_, os.getcwd(), open('/workspace/link/e/f.txt').read(), open('/tmp/t').read())"
        );
        let told = bench.print(context, &code).await;
        assert_eq!(told, format!("[1, 2, '{name}'] /workspace/d parent {name} t\n"));
    }
    let seen = "print(list_, open('/workspace/link/e/f.txt').read(), sorted(os.listdir('/workspace')))";
    assert_eq!(bench.print(&parent, seen).await, "[1, 2] parent ['d', 'link']\n");
    // What changed is told of the fork's own files, and they are read and written from outside.
    let outcome = bench.run(&one, "open('/workspace/new.txt', 'w').write('new')\nprint('x' * 100_000)").await;
    assert_eq!(outcome.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["new.txt"]);
    let mut read = Vec::new();
    one.files().read("link/e/f.txt", &mut read).await.unwrap();
    assert_eq!(read, b"parent one");
    two.files().write("/workspace/in.txt", &b"from outside"[..], 0o644).await.unwrap();
    assert_eq!(bench.print(&two, "print(open('/workspace/in.txt').read())").await, "from outside\n");
    let mut names: Vec<String> =
        one.files().list(".", 1).await.unwrap().into_iter().map(|entry| entry.path).collect();
    names.sort();
    assert_eq!(names, ["d", "link", "new.txt", "one"]);
    assert!(parent.files().stat("new.txt").await.is_err());
    // One ends without the others.
    two.kill();
    while two.is_alive() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(bench.print(&one, "print(list_)").await, "[1, 2, 'one']\n");
    drop((one, two));
    assert_eq!(bench.print(&parent, "print(list_)").await, "[1, 2]\n");
}

pub async fn many_forks_and_forks_of_forks(bench: Bench) {
    let Some(parent) = forkable(&bench).await else { return };
    bench.print(&parent, "import random, os\npath = []\nrandom.seed(1); mine = random.Random(2)").await;
    let forks = fork(&parent, 64).await.unwrap().contexts;
    let mut seen = Vec::new();
    for (number, context) in forks.iter().enumerate() {
        bench.print(context, &format!("path.append({number})")).await;
    }
    for (number, context) in forks.iter().enumerate() {
        let told = bench.print(context, "print(path, random.random(), mine.random(), os.getpid())").await;
        assert!(told.starts_with(&format!("[{number}] ")), "{told}");
        let rest: Vec<String> =
            told.split_once("] ").unwrap().1.split_whitespace().map(str::to_owned).collect();
        seen.extend(rest);
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "random numbers and processes are each fork's own");
    drop(forks);
    let same = parent.fork(ForkRequest { count: 2, same_random: true }).await.unwrap().contexts;
    let draw = "print(random.random(), mine.random())";
    let drawn = [bench.print(&same[0], draw).await, bench.print(&same[1], draw).await];
    assert_eq!(drawn[0], drawn[1]);
    assert_eq!(drawn[0], bench.print(&parent, draw).await);
    // One that has run nothing yet has its own numbers already, for its forks too.
    let rests = fork(&parent, 1).await.unwrap().contexts.remove(0);
    let like = rests.fork(ForkRequest { count: 1, same_random: true }).await.unwrap().contexts.remove(0);
    let drawn = bench.print(&like, draw).await;
    assert_eq!(drawn, bench.print(&rests, draw).await);
    assert_ne!(drawn, bench.print(&parent, draw).await);
    drop((same, rests, like));
    let mut at = parent.clone();
    let mut kept = Vec::new();
    for depth in 0..10 {
        bench.print(&at, &format!("path.append({depth}); open('{depth}', 'w').close()")).await;
        let next = fork(&at, 1).await.unwrap().contexts.remove(0);
        kept.push(std::mem::replace(&mut at, next));
    }
    drop(kept);
    let told = bench.print(&at, "print(path, sorted(os.listdir()))").await;
    let files: Vec<String> = (0..10).map(|n| format!("'{n}'")).collect();
    assert_eq!(told, format!("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] [{}]\n", files.join(", ")));
}

pub async fn what_a_fork_cannot_have_is_told(bench: Bench) {
    let Some(parent) = forkable(&bench).await else { return };
    let code = "import socket, subprocess, threading\nfile = open('log.txt', 'w')\na, b = socket.socketpair()\n\
                child = subprocess.Popen(['sleep', '1000'])";
    bench.print(&parent, code).await;
    let Forked { contexts, report } = fork(&parent, 1).await.unwrap();
    assert_eq!((report.processes, report.sockets, report.native_threads), (1, 2, 0), "{report:?}");
    assert_eq!(report.files.len(), 1, "{report:?}");
    assert!(report.files[0].path.ends_with("/workspace/log.txt") && report.files[0].writable, "{report:?}");
    let used = "try: a.send(b'x')\nexcept OSError as error: print(type(error).__name__)\nprint(child.poll())";
    let told = bench.print(&contexts[0], used).await;
    assert!(told.starts_with("OSError\n") || told.starts_with("BrokenPipeError\n"), "{told}");
    assert_eq!(bench.print(&parent, "a.send(b'x'); print(b.recv(1), child.poll())").await, "b'x' None\n");
    bench
        .print(&parent, "done = threading.Event()\nthreading.Thread(target=done.wait, name='waits').start()")
        .await;
    let error = fork(&parent, 1).await.unwrap_err();
    assert!(error.to_string().contains("waits"), "{error}");
    assert_eq!(reason(error), "threads");
    bench.print(&parent, "done.set()").await;
    while let Err(error) = fork(&parent, 1).await {
        assert_eq!(reason(error), "threads");
    }
}

pub async fn forks_while_something_happens(bench: Bench) {
    let Some(parent) = forkable(&bench).await else { return };
    // While a cell runs: refused, and the cell goes on.
    let run = {
        let (bench, parent) = (bench, parent.clone());
        tokio::spawn(async move {
            let outcome = bench.run(&parent, "import time; time.sleep(0.5); y = 2").await;
            (bench, outcome)
        })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(matches!(fork(&parent, 1).await, Err(Error::ContextBusy { .. })));
    let (bench, outcome) = run.await.unwrap();
    assert_eq!(outcome.status, Status::Ok);
    // Code runs and is interrupted in forks as in any context, and they time out alone.
    let fork_ = fork(&parent, 1).await.unwrap().contexts.remove(0);
    let outcome = bench.within(&fork_, "z = y + 1\nwhile True: pass", 300).await;
    assert_eq!((outcome.status, outcome.context_alive), (Status::Timeout, true));
    assert_eq!(bench.print(&fork_, "print(z)").await, "3\n");
    let outcome = bench.run(&fork_, "import os; os._exit(3)").await;
    assert_eq!((outcome.exit_code, outcome.context_alive), (3, false));
    // A parent that ends takes no fork with it.
    let heir = fork(&parent, 1).await.unwrap().contexts.remove(0);
    let outcome = bench.run(&parent, "os = __import__('os'); os.kill(os.getpid(), 9)").await;
    assert!(!outcome.context_alive);
    assert_eq!(reason_or_lost(fork(&parent, 1).await), "lost");
    assert_eq!(bench.print(&heir, "print(y)").await, "2\n");
}

fn reason_or_lost(result: Result<Forked, Error>) -> &'static str {
    result.unwrap_err().code()
}

pub async fn a_state_takes_the_place_of_what_came_after(bench: Bench) {
    if forkable(&bench).await.is_none() {
        return;
    }
    let live = bench.python(Limits { memory_bytes: 2 << 30, ..Limits::default() }).await;
    // One that is on its way is waited for.
    let empty = live.save().await.unwrap();
    let make = "import os, random\nrandom.seed(1)\nos.makedirs('d/e')\nopen('d/e/f', 'w').write('old')\n\
                open('fixed', 'w').write('old'); os.chmod('fixed', 0o444)\nos.symlink('d', 'link')\nx = 1";
    bench.print(&live, make).await;
    let shell = ContextRequest { language: Language::Bash, ..ContextRequest::default() };
    let shell = live.sandbox().create_context(shell).await.unwrap();
    bench.print(&shell, "cd d/e").await;
    let state = live.save().await.unwrap();
    let spoil = "x = 2; random.random()\nopen('d/e/f', 'w').write('spoilt'); os.remove('link')\nopen('link', 'w').close()\n\
                 os.remove('fixed'); os.makedirs('more/and/more'); os.chmod('more', 0o500)\nopen('/tmp/t', 'w').close()\n\
                 pid = os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '1000')";
    bench.print(&live, spoil).await;
    let heir = state.replace(&live).await.unwrap();
    assert!(!live.is_alive() && state.is_alive());
    let seen = "print(x, open('d/e/f').read(), open('fixed').read(), oct(os.stat('fixed').st_mode), os.readlink('link'), \
                sorted(os.listdir()), os.listdir('/tmp'))\nprint(random.random())";
    let told = bench.print(&heir, seen).await;
    let (first, drawn) = told.split_once('\n').unwrap();
    assert_eq!(first, "1 old old 0o100444 d ['d', 'fixed', 'link'] []");
    assert_eq!(bench.print(&state, "print(random.random())").await, drawn, "the same random numbers");
    // Others find the files where they were, and so does whoever asks from outside.
    assert_eq!(bench.print(&shell, "cat f; pgrep sleep || true").await, "old");
    let mut read = Vec::new();
    heir.sandbox().files().read("d/e/f", &mut read).await.unwrap();
    assert_eq!(read, b"old");
    bench.print(&heir, "open('d/e/f', 'w').write('new')").await;
    assert_eq!(bench.print(&shell, "cat f").await, "new");
    // In a fork's tree as well.
    let branch = fork(&heir, 1).await.unwrap().contexts.remove(0);
    let before = branch.save().await.unwrap();
    bench.print(&branch, "x = 3; open('b', 'w').close()").await;
    let branch = before.replace(&branch).await.unwrap();
    assert_eq!(bench.print(&branch, "print(x, os.path.exists('b'))").await, "1 False\n");
    assert_eq!(bench.print(&branch, "open('b', 'w').close(); print(os.listdir('d/e'))").await, "['f']\n");
    assert_eq!(bench.print(&heir, "print(os.path.exists('b'))").await, "False\n");
    // An interpreter that ended is replaced as well.
    bench.run(&heir, "os._exit(1)").await;
    let first = empty.replace(&heir).await.unwrap();
    assert_eq!(bench.print(&first, "import os; print(os.listdir(), 'x' in globals())").await, "[] False\n");
    let error = first.replace(&first).await.unwrap_err();
    assert_eq!(error.code(), "request");
}

pub async fn a_history_goes_back_as_far_as_it_can(bench: Bench) {
    let Some(live) = forkable(&bench).await else { return };
    let mut history = History::new(3);
    for step in 2..=5 {
        history.keep(&live).await.unwrap();
        bench.print(&live, &format!("x = {step}")).await;
    }
    assert_eq!((history.len(), history.nearest(4)), (3, None));
    assert!(history.back(4).is_none() && history.len() == 3, "nothing is forgotten");
    let state = history.back(2).unwrap();
    assert_eq!((bench.print(&state, "print(x)").await.as_str(), history.len()), ("3\n", 1));
    bench
        .print(
            &state,
            "import threading; done = threading.Event(); threading.Thread(target=done.wait).start()",
        )
        .await;
    assert_eq!(reason(history.keep(&state).await.unwrap_err()), "threads");
    assert!(history.back(1).is_none());
    assert_eq!(history.nearest(1), Some(2));
    assert_eq!(bench.print(&history.back(2).unwrap(), "print(x)").await, "2\n");
}

pub async fn states_give_way_where_memory_runs_out(bench: Bench) {
    if forkable(&bench).await.is_none() {
        return;
    }
    let live = bench.python(Limits { memory_bytes: 400 << 20, ..Limits::default() }).await;
    bench.print(&live, "import time\nx = bytearray(b'x') * (80 << 20)").await;
    let mut states = Vec::new();
    for step in 0..8 {
        states.push(live.save().await.unwrap());
        // Every page is another one than before; without control groups somebody has to see it.
        let outcome =
            bench.run(&live, &format!("x[::4096] = b'{step}' * len(x[::4096]); time.sleep(0.5)")).await;
        assert_eq!((outcome.status, outcome.context_alive), (Status::Ok, true), "{step}: {outcome:?}");
    }
    let living = states.iter().filter(|state| state.is_alive()).count();
    assert!((1..8).contains(&living), "{living} states of 80 MiB live in 400 MiB");
    assert_eq!(bench.print(&live, "print(x[0], len(x) >> 20)").await, "55 80\n");
    // What runs in a fork that was used is no state any more.
    let outcome = bench.run(&live, "y = bytearray(b'y') * (900 << 20)").await;
    assert_eq!(outcome.status, Status::OutOfMemory, "{outcome:?}");
}
