//! `belljar doctor`: what this host gives, wall by wall, and the command that raises what is missing.
//!
//! The walls are `jail`'s to try, containers the interpreter's; Python, templates, disk and the programs around them are
//! looked at here.

use super::Site;
use super::failure::Done;
use super::live::failure;
use super::options::configured;
use crate::render::{
    self,
    table::aligned,
    terminal::{BOLD, CYAN, FAINT, GREEN, Look, RED, YELLOW, size},
};
use interpreter::Interpreter;
use interpreter::backend::Probe;
use interpreter::template::Store;
use jail::probe::{Fact, State};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Check what this host gives.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Print the facts as JSON
    #[arg(long)]
    pub json: bool,
}

/// A built `python` template and its downloads need about this much, in bytes.
const DISK_BYTES_MIN: u64 = 200_000_000;

/// A way of making sandboxes, for programs.
#[derive(Debug, serde::Serialize)]
struct Way {
    backend: String,
    usable: bool,
}

/// What was found.
struct Found {
    facts: Vec<Fact>,
    ways: Vec<Way>,
    /// Whether code can run with what is used where nobody says more.
    usable: bool,
}

/// Looks at everything; exit code 1 when no code can run here.
pub fn doctor(args: &DoctorArgs, site: &Site) -> Done {
    let found = look(site)?;
    if args.json {
        let text = json!({"usable": found.usable, "backends": found.ways, "facts": found.facts});
        render::print(&format!("{text}\n"))?;
    } else {
        render::print(&page(&found, Look::stdout()))?;
    }
    Ok(u8::from(!found.usable))
}

fn look(site: &Site) -> Done<Found> {
    let stands = |facts: &[Fact]| !facts.iter().any(|fact| fact.required && fact.state == State::Missing);
    let data_dir = site.data_dir();
    let store = data_dir.as_ref().ok().and_then(|_| site.store().ok());
    let mut facts = jail::probe::report();
    let native = stands(&facts);
    let host = vec![
        python(store.as_ref()),
        templates(store.as_ref()),
        disk(&data_dir),
        program("bash", "Bash", "sudo apt install bash"),
        program("node", "Node.js", "sudo apt install nodejs"),
        program("R", "R", "sudo apt install r-base-core"),
    ];
    let (mut ways, mut chosen) = (Vec::new(), None);
    let host_stands = stands(&host);
    facts.extend(host);
    // Without a data folder there is nothing to open, and the facts say so.
    if data_dir.is_ok() {
        let settings = configured(site)?;
        chosen = settings.backend.clone();
        let interpreter = Interpreter::open(settings).map_err(failure)?;
        let own = interpreter.backends().first().map(|backend| backend.name().to_owned());
        ways.extend(own.map(|backend| Way { backend, usable: native && host_stands }));
        for probe in others(&interpreter) {
            facts.extend(told(&probe));
            ways.push(Way { usable: probe.usable && host_stands, backend: probe.backend });
        }
    }
    let usable = ways.iter().any(|way| way.usable && chosen.as_ref().is_none_or(|name| *name == way.backend));
    Ok(Found { facts, ways, usable })
}

fn page(found: &Found, look: Look) -> String {
    let facts = &found.facts;
    let row = |fact: &Fact| {
        let (style, mark) = match fact.state {
            State::Ok => (GREEN, "✓ ok"),
            State::Degraded => (YELLOW, "! degraded"),
            State::Missing if fact.required => (RED, "✗ missing"),
            State::Missing => (YELLOW, "✗ missing"),
        };
        vec![look.paint(style, mark), look.paint(BOLD, &fact.title), fact.detail.clone()]
    };
    let mut text = aligned(&facts.iter().map(row).collect::<Vec<_>>());
    let fixes: Vec<Vec<String>> = facts
        .iter()
        .filter_map(|fact| Some(vec![format!("  {}", fact.title), look.paint(CYAN, fact.fix.as_ref()?)]))
        .collect();
    if !fixes.is_empty() {
        text.push_str("\nwhat would raise the rest:\n");
        text.push_str(&aligned(&fixes));
    }
    let verdict = match (&ways(found)[..], found.usable) {
        ([], _) => {
            look.paint(RED, "no code can run here: a wall without which nothing runs cannot be raised")
        }
        (all, true) => {
            let weaker = facts.iter().any(|fact| fact.id == "cgroup" && fact.state != State::Ok);
            let how = if weaker { ", with weaker limits" } else { "" };
            look.paint(GREEN, &format!("code can run here{how}; backends: {}", all.join(", ")))
        }
        (all, false) => {
            let text =
                format!("the configured backend cannot run code here; --backend {} can", all.join(" or "));
            look.paint(RED, &text)
        }
    };
    text.push_str(&format!(
        "\n{verdict}\n{}\n",
        look.paint(FAINT, "`belljar run -c 'print(1)' --json` shows which walls an execution really had")
    ));
    text
}

fn ways(found: &Found) -> Vec<&str> {
    found.ways.iter().filter(|way| way.usable).map(|way| way.backend.as_str()).collect()
}

fn fact(id: &'static str, title: &'static str, state: State, detail: impl Into<String>) -> Fact {
    let (id, title, detail) = (id.into(), title.into(), detail.into());
    Fact { id, title, state, required: false, detail, fix: None }
}

fn python(store: Option<&Store>) -> Fact {
    let found = match store {
        Some(store) => store.python(),
        None => {
            return Fact {
                required: true,
                ..fact("python", "Python", State::Missing, "not looked for: no data folder")
            };
        }
    };
    let base = match found {
        Ok(python) => {
            let [major, minor, micro] = python.version;
            let detail =
                format!("{} {major}.{minor}.{micro}, {}", python.implementation, python.executable.display());
            fact("python", "Python", State::Ok, detail)
        }
        Err(error) => Fact {
            fix: Some(error.hint()),
            ..fact("python", "Python", State::Missing, format!("cannot {error}"))
        },
    };
    Fact { required: true, ..base }
}

fn templates(store: Option<&Store>) -> Fact {
    let listings = store.map(Store::list).unwrap_or_default();
    let built: Vec<&str> =
        listings.iter().filter(|one| one.built.is_some()).map(|one| one.recipe.name).collect();
    if built.is_empty() {
        let detail = "none is built yet; the first run builds one";
        return Fact {
            fix: Some("belljar template build python".to_owned()),
            ..fact("templates", "templates", State::Degraded, detail)
        };
    }
    fact("templates", "templates", State::Ok, format!("built: {}", built.join(", ")))
}

fn disk(data_dir: &Done<PathBuf>) -> Fact {
    let dir = match data_dir {
        Ok(dir) => dir,
        Err(failure) => {
            let fix = failure.hint.clone();
            return Fact {
                required: true,
                fix,
                ..fact("disk", "data folder", State::Missing, failure.to_string())
            };
        }
    };
    // The folder itself may not be there yet: what counts is where it would be.
    let Some(place) = dir.ancestors().find(|place| place.exists()) else {
        return fact("disk", "data folder", State::Missing, dir.display().to_string());
    };
    let room =
        rustix::fs::statvfs(place).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize)).unwrap_or(0);
    let writable = rustix::fs::accessat(
        rustix::fs::CWD,
        place,
        rustix::fs::Access::WRITE_OK,
        rustix::fs::AtFlags::EACCESS,
    );
    let detail = format!("{}, {} free", dir.display(), size(room));
    if writable.is_err() {
        let fix = Some("export BELLJAR_DATA_DIR=/a/folder/that/you/may/write".to_owned());
        return Fact {
            fix,
            ..fact("disk", "data folder", State::Degraded, format!("{detail}, not writable"))
        };
    }
    if room < DISK_BYTES_MIN {
        let fix = Some("free some space, or set BELLJAR_DATA_DIR to a larger disk".to_owned());
        return Fact { fix, ..fact("disk", "data folder", State::Degraded, detail) };
    }
    fact("disk", "data folder", State::Ok, detail)
}

fn program(name: &'static str, title: &'static str, fix: &str) -> Fact {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| is_program(file));
    match found {
        Some(file) => fact(name, title, State::Ok, file.display().to_string()),
        None => {
            let detail = format!("not installed: {name} code cannot run");
            Fact { fix: Some(fix.to_owned()), ..fact(name, title, State::Degraded, detail) }
        }
    }
}

fn is_program(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

/// What the other ways of making sandboxes have here: the first is this platform's own, whose walls `jail` tries. Nothing of
/// it is missed where code runs without it.
fn others(interpreter: &Interpreter) -> Vec<Probe> {
    interpreter.backends().iter().skip(1).map(|backend| backend.probe()).collect()
}

fn told(probe: &Probe) -> impl Iterator<Item = Fact> {
    probe.checks.iter().map(|check| Fact {
        id: format!("{}_{}", probe.backend, check.name.to_lowercase()).into(),
        title: format!("{} {}", probe.backend, check.name).into(),
        state: if check.holds { State::Ok } else { State::Degraded },
        required: false,
        detail: check.found.clone(),
        fix: check.remedy.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Failure;

    #[test]
    fn the_page_names_what_raises_a_wall() {
        let facts = [
            fact("a", "first", State::Ok, "fine"),
            Fact {
                fix: Some("do it".into()),
                required: true,
                ..fact("b", "second one", State::Missing, "gone")
            },
        ];
        let found = Found { facts: facts.into(), ways: Vec::new(), usable: false };
        let text = page(&found, Look { terminal: false, colour: false });
        assert!(text.starts_with("✓ ok       first       fine\n✗ missing  second one  gone\n"), "{text}");
        assert!(text.contains("  second one  do it\n") && text.contains("no code can run here"), "{text}");
    }

    #[test]
    fn a_home_that_is_not_there_is_a_missing_wall() {
        let fact = disk(&Err(Failure::ours("data_dir", "find a folder").hint("set it")));
        assert!(fact.required && fact.state == State::Missing && fact.fix.is_some());
    }
}
