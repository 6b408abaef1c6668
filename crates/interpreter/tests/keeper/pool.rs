//! Warm sandboxes whose processes are killed, whose zygote is killed, and whose template is built again.

use crate::place::{data_dir, open, request, run};
use interpreter::{Caller, ContextRequest, Interpreter, Place, Preload, Sandbox, SandboxRequest, Warm};
use protocol::{Limits, Status};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Below this process's own pid namespace: first the jailer's, with the zygote, then the sandbox's.
const BESIDE: usize = 1;
const INSIDE: usize = 2;

const ALONE: &str = "BELLJAR_KEEPER_ALONE";

/// Whether this process runs this one test only: it takes every process that came from it for its own. If not, the test is
/// run in a process of its own, and has to pass there.
fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("pool::{test}"), "--nocapture"]).env(ALONE, "1");
    let output = command.output().unwrap();
    let [said, told] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{told}");
    eprint!("{told}");
    false
}

fn kind() -> SandboxRequest {
    request(Limits::default())
}

async fn warm(interpreter: &Interpreter, count: usize) -> Warm {
    let warm = interpreter.keep_warm(kind(), count).unwrap();
    tokio::time::timeout(Duration::from_secs(60), warm.ready()).await.expect("they become ready");
    warm
}

async fn take(interpreter: &Interpreter) -> Arc<Sandbox> {
    let taken = interpreter.create_sandbox(&Caller::local(), kind()).await;
    taken.unwrap_or_else(|error| panic!("cannot {error}"))
}

/// What code prints in a context of this sandbox: its spare one the first time.
async fn prints(interpreter: &Interpreter, sandbox: &Arc<Sandbox>, code: &str) -> String {
    let context = sandbox.create_context(ContextRequest::default()).await.unwrap();
    let outcome = run(interpreter, Place::Context(context), code).await;
    assert_eq!(outcome.status, Status::Ok, "{outcome:?}");
    outcome.stdout
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "never: {what}");
}

/// A process that came from this one.
struct Process {
    pid: Pid,
    /// In how many pid namespaces below this process's.
    depth: usize,
    /// Its number in the innermost of them.
    inner: u32,
    is_python: bool,
}

impl Process {
    fn of(pid: u32) -> Option<Process> {
        let text = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let status = text("status")?;
        let numbers = |status: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
            line.split_whitespace().map(|number| number.parse().ok()).collect()
        };
        let own = numbers(&std::fs::read_to_string("/proc/self/status").ok()?)?.len();
        let numbers = numbers(&status)?;
        let is_python = text("cmdline")?.contains("zygote.py");
        let depth = numbers.len().checked_sub(own)?;
        Some(Process { pid: Pid::from_raw(pid.cast_signed())?, depth, inner: *numbers.last()?, is_python })
    }

    /// All of them. Other tests have processes of their own.
    fn all() -> Vec<Process> {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| is_ours(*pid)).filter_map(Process::of).collect()
    }

    fn kill(self) {
        kill_process(self.pid, Signal::KILL).unwrap();
    }
}

fn is_ours(mut pid: u32) -> bool {
    while pid > 0 && pid != std::process::id() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        pid = parent.unwrap_or(0);
    }
    pid > 0
}

fn find(what: &str, is_it: impl Fn(&Process) -> bool) -> Process {
    Process::all().into_iter().find(is_it).unwrap_or_else(|| panic!("no {what}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_sandbox_whose_process_is_killed_is_replaced_before_anybody_asks() {
    if !is_alone("a_warm_sandbox_whose_process_is_killed_is_replaced_before_anybody_asks") {
        return;
    }
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let warm = warm(&interpreter, 2).await;
    let made = interpreter.pool_state().made;
    find("context", |process| process.depth == INSIDE && process.is_python).kill();
    until("its context is replaced", || interpreter.pool_state().made == made + 1 && warm.count() == 2).await;
    find("guest", |process| process.depth == INSIDE && process.inner == 1).kill();
    until("its guest is replaced", || interpreter.pool_state().made == made + 2 && warm.count() == 2).await;
    let measured = interpreter.pool_state().memory_bytes;
    assert!((2 << 20..1 << 30).contains(&measured), "{measured} bytes of two");
    for _ in 0..2 {
        assert_eq!(prints(&interpreter, &take(&interpreter).await, "print(6 * 7)").await, "42\n");
    }
    let state = interpreter.pool_state();
    assert_eq!((state.unused, state.hits, state.misses), (2, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zygote_that_is_killed_leaves_what_is_ready_usable_and_the_pool_goes_on() {
    if !is_alone("a_zygote_that_is_killed_leaves_what_is_ready_usable_and_the_pool_goes_on") {
        return;
    }
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let warm = warm(&interpreter, 2).await;
    let zygote = || find("zygote", |process| process.depth == BESIDE && process.is_python);
    let first = zygote();
    let old = first.pid;
    first.kill();
    // At once: nothing was replaced yet.
    let orphan = take(&interpreter).await;
    assert_eq!(prints(&interpreter, &orphan, "print('still here')").await, "still here\n");
    until("both are replaced by whole ones", || {
        let state = interpreter.pool_state();
        state.made >= 4 && warm.count() == 2
    })
    .await;
    assert_ne!(zygote().pid, old);
    let next = take(&interpreter).await;
    for word in ["first", "second"] {
        let printed = prints(&interpreter, &next, &format!("print('{word}')")).await;
        assert_eq!(printed, format!("{word}\n"), "a context of the spare, and one of the new zygote");
    }
    assert_eq!(interpreter.pool_state().misses, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_an_old_build_is_given_after_its_template_was_built_again() {
    if !is_alone("nothing_of_an_old_build_is_given_after_its_template_was_built_again") {
        return;
    }
    let Some(first) = open(&data_dir(), Preload::Lazy) else { return };
    drop(take(&first).await);
    let place = tempfile::tempdir().unwrap();
    let root = copy_of_template(place.path());
    mark(&root, "old");
    let interpreter = open(place.path(), Preload::Lazy).unwrap();
    let warm = warm(&interpreter, 2).await;
    let which = "import which_build; print(which_build.NAME)";
    let before = take(&interpreter).await;
    assert_eq!(prints(&interpreter, &before, which).await, "old\n");
    until("there are two again", || warm.count() == 2).await;
    // What a builder does: the new one is made aside, and both are renamed.
    let (aside, gone) = (root.with_file_name(".building-x"), root.with_file_name(".removing-x"));
    copy(&root, &aside);
    mark(&aside, "new");
    std::fs::rename(&root, &gone).unwrap();
    std::fs::rename(&aside, &root).unwrap();
    let after = take(&interpreter).await;
    assert_eq!(prints(&interpreter, &after, which).await, "new\n");
    until("the old ones are replaced", || warm.count() == 2).await;
    assert_eq!(prints(&interpreter, &take(&interpreter).await, which).await, "new\n");
    assert_eq!(prints(&interpreter, &before, which).await, "old\n", "who has one keeps it");
    warm.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_has_gives_way_and_what_was_taken_has_its_share() {
    if !is_alone("what_nobody_has_gives_way_and_what_was_taken_has_its_share") {
        return;
    }
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let _warm = warm(&interpreter, 2).await;
    if shares().is_empty() {
        return eprintln!("skipped: CPU time is not controlled here");
    }
    assert!(shares().iter().all(|share| *share <= 102), "{:?}", shares());
    let _taken = take(&interpreter).await;
    let whole = shares().into_iter().filter(|share| [100, 1024].contains(share)).count();
    assert_eq!(whole, 1, "{:?}", shares());
}

/// The shares of CPU time that the control groups of contexts have.
fn shares() -> Vec<u32> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let contexts = Process::all().into_iter().filter(|process| process.depth == INSIDE && process.is_python);
    let share = |process: Process| {
        let text = std::fs::read_to_string(format!("/proc/{}/cgroup", process.pid.as_raw_nonzero())).ok()?;
        // A group of this process is none of the sandbox's own.
        text.lines().filter(|line| !own.lines().any(|other| other == *line)).find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (names, path) = (parts.next()?, parts.next()?);
            let file = match names.split(',').any(|name| name == "cpu") {
                true => format!("/sys/fs/cgroup/{names}{path}/cpu.shares"),
                false => format!("/sys/fs/cgroup{path}/cpu.weight"),
            };
            std::fs::read_to_string(file).ok()?.trim().parse().ok()
        })
    };
    contexts.filter_map(share).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_end_no_process_is_left() {
    if !is_alone("at_the_end_no_process_is_left") {
        return;
    }
    let Some(interpreter) = open(&data_dir(), Preload::Lazy) else { return };
    let warm = warm(&interpreter, 3).await;
    assert!(Process::all().iter().any(|process| process.depth == INSIDE));
    let _again = take(&interpreter).await;
    drop(_again);
    warm.end().await;
    until("no sandbox has a process", || Process::all().iter().all(|process| process.depth < INSIDE)).await;
    drop(interpreter);
    until("nor has the backend", || Process::all().iter().all(|process| process.depth == 0)).await;
}

/// A data directory with the smallest template that is a copy; gives back where it is.
fn copy_of_template(data_dir: &Path) -> std::path::PathBuf {
    let templates = crate::place::data_dir().join("templates");
    let python =
        interpreter::template::Store::open(crate::place::data_dir()).unwrap().show("python").unwrap();
    assert!(python.root.starts_with(&templates), "{}", python.root.display());
    let root = data_dir.join("templates").join(python.root.file_name().unwrap());
    std::fs::create_dir(data_dir.join("templates")).unwrap();
    copy(&python.root, &root);
    root
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "cannot copy {}", from.display());
}

/// Leaves a module in a build that says which one it is.
fn mark(root: &Path, name: &str) {
    let packages = std::fs::read_dir(root.join("lib")).unwrap().flatten().map(|entry| entry.path());
    let packages = packages.map(|path| path.join("site-packages")).find(|path| path.is_dir()).unwrap();
    std::fs::write(packages.join("which_build.py"), format!("NAME = '{name}'\n")).unwrap();
}
