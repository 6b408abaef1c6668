//! `belljar template build|list|show|remove`.

use super::Site;
use super::failure::{Done, Failure};
use super::live::{failure, template_failure};
use super::options::configured;
use crate::render::{
    self,
    progress::Bar,
    spinner::Spinner,
    table::aligned,
    terminal::{BOLD, FAINT, GREEN, Look, size},
};
use interpreter::Interpreter;
use interpreter::template::{Listing, Template};
use serde_json::{Value, json};

/// Build, list, show or remove templates.
#[derive(Debug, clap::Args)]
pub struct TemplateArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Build templates, the smallest one where none is named
    Build {
        /// Names of templates
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Build again what is there
        #[arg(long)]
        force: bool,
        /// Make an image for containers of each, too
        #[arg(long)]
        image: bool,
    },
    /// List all templates
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is in a template
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove built templates
    Remove {
        /// Names of templates
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

impl TemplateArgs {
    /// True when a program reads standard output.
    pub fn json(&self) -> bool {
        matches!(self.command, Command::List { json: true } | Command::Show { json: true, .. })
    }
}

/// Carries out one of them.
pub fn template(args: &TemplateArgs, site: &Site) -> Done {
    match &args.command {
        Command::Build { names, force, image } => {
            let images = image.then(|| Images::open(*force, site)).transpose()?;
            build(names, *force, images.as_ref(), site)?;
        }
        Command::List { json } => list(*json, site)?,
        Command::Show { name, json } => show(name, *json, site)?,
        Command::Remove { names } => remove(names, site)?,
    }
    Ok(0)
}

fn build(names: &[String], force: bool, images: Option<&Images<'_>>, site: &Site) -> Done<()> {
    let store = site.store()?;
    let smallest = [store.recipes().first().map(|recipe| recipe.name.to_owned()).unwrap_or_default()];
    for name in if names.is_empty() { &smallest[..] } else { names } {
        let bar = Bar::new();
        let template = store.build(name, force, &bar).map_err(template_failure)?;
        bar.clear();
        let look = Look::stdout();
        let path = look.paint(FAINT, &template.root.display().to_string());
        let line = format!(
            "{} template {name}, Python {}  {path}\n",
            look.paint(GREEN, "ready:"),
            template.python_version
        );
        render::print(&line)?;
        if let Some(images) = images {
            images.make(&template)?;
        }
    }
    Ok(())
}

/// Makes images in the engine that the configuration names.
struct Images<'a> {
    interpreter: Interpreter,
    again: bool,
    site: &'a Site,
}

impl Images<'_> {
    fn open(again: bool, site: &Site) -> Done<Images<'_>> {
        let interpreter = Interpreter::open(configured(site)?).map_err(failure)?;
        Ok(Images { interpreter, again, site })
    }

    fn make(&self, template: &Template) -> Done<()> {
        let mut spinner = Spinner::new(true);
        spinner.show(&format!("image of template {}: packing it for the engine", template.name));
        let name =
            self.site.runtime.block_on(self.interpreter.image(template, self.again)).map_err(failure)?;
        spinner.clear();
        let look = Look::stdout();
        render::print(&format!("{} image {name}\n", look.paint(GREEN, "ready:")))
    }
}

fn list(json: bool, site: &Site) -> Done<()> {
    let listings = site.store()?.list();
    if json {
        let all: Vec<Value> = listings.iter().map(to_json).collect();
        return render::print(&format!("{}\n", Value::Array(all)));
    }
    let look = Look::stdout();
    let mut rows =
        vec![["NAME", "STATE", "SIZE", "PYTHON", "WHAT"].map(|word| look.paint(FAINT, word)).to_vec()];
    for one in &listings {
        let (state, room, python) = match &one.built {
            Some(record) => {
                (look.paint(GREEN, "built"), size(record.size_bytes), record.python_version.clone())
            }
            None if one.outdated.is_empty() => (look.paint(FAINT, "not built"), "–".into(), "–".into()),
            None => (look.paint(FAINT, "outdated"), "–".into(), "–".into()),
        };
        rows.push(vec![look.paint(BOLD, one.recipe.name), state, room, python, one.recipe.summary.clone()]);
    }
    render::print(&aligned(&rows))
}

fn show(name: &str, json: bool, site: &Site) -> Done<()> {
    let listing = site.store()?.show(name).map_err(template_failure)?;
    if json {
        return render::print(&format!("{}\n", to_json(&listing)));
    }
    let look = Look::stdout();
    let recipe = &listing.recipe;
    let mut rows = vec![
        vec!["name".into(), look.paint(BOLD, recipe.name)],
        vec!["what".into(), recipe.summary.clone()],
        vec!["asked for".into(), recipe.requirements.join(" ")],
        vec!["preloaded".into(), recipe.preload.join(" ")],
    ];
    match &listing.built {
        Some(record) => rows.extend([
            vec!["state".into(), look.paint(GREEN, "built")],
            vec!["where".into(), listing.root.display().to_string()],
            vec!["Python".into(), format!("{} ({})", record.python_version, record.python.display())],
            vec!["size".into(), size(record.size_bytes)],
            vec!["built in".into(), format!("{:.1} s", record.build_ms as f64 / 1000.0)],
        ]),
        None => {
            rows.push(vec!["state".into(), format!("not built; `belljar template build {name}` builds it")])
        }
    }
    let outdated =
        listing.outdated.iter().map(|path| vec!["outdated".to_owned(), path.display().to_string()]);
    rows.extend(outdated);
    let mut text = aligned(&rows);
    if let Some(record) = &listing.built {
        let packages = record.packages.iter().map(|one| vec![format!("  {}", one.name), one.version.clone()]);
        text.push_str("packages\n");
        text.push_str(&aligned(&packages.collect::<Vec<_>>()));
    }
    render::print(&text)
}

fn to_json(listing: &Listing) -> Value {
    json!({
        "name": listing.recipe.name,
        "summary": listing.recipe.summary,
        "requirements": listing.recipe.requirements,
        "preload": listing.recipe.preload,
        "built": listing.built,
        "root": listing.built.as_ref().map(|_| listing.root.display().to_string()),
        "outdated": listing.outdated,
    })
}

fn remove(names: &[String], site: &Site) -> Done<()> {
    let store = site.store()?;
    for name in names {
        let count = store.remove(name).map_err(template_failure)?;
        if count == 0 {
            let hint = "`belljar template list` tells which ones are built";
            return Err(Failure::ours("template_absent", format!("remove template {name}: it is not built"))
                .hint(hint));
        }
        render::print(&format!("removed template {name}\n"))?;
    }
    Ok(())
}
