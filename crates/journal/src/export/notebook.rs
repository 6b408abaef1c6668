//! An answer as a Jupyter notebook (nbformat 4.5): code cells with their real outputs, prompt and texts as Markdown.
//!
//! Jupyter shows outputs of a notebook that it did not run itself without scripts, until the reader trusts it.

use super::{facts, failure, finding, reason};
use crate::Entry;
use jupyter_protocol::{ExecutionCount, Media, media::MediaType};
use nbformat::v4::{
    Cell, CellId, CellMetadata, DisplayData, ErrorOutput, ExecuteResult, KernelSpec, LanguageInfo, Metadata,
    MultilineString, Notebook, Output,
};
use protocol::{Bundle, CodeRun, Language, Outcome};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The notebook's text.
pub fn notebook(entry: &Entry) -> Result<String, nbformat::NotebookError> {
    let mut cells = Cells::default();
    let rows: Vec<String> = facts(entry).iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let prompt: Vec<String> = entry.answer.prompt.trim().lines().map(|line| format!("> {line}")).collect();
    cells.markdown(&format!("# Question\n\n{}\n\n{}", prompt.join("\n"), rows.join(" · ")))?;
    for step in entry.steps() {
        if let Some(said) = step.said {
            cells.markdown(said)?;
        }
        for run in step.runs {
            cells.code(run)?;
        }
    }
    let why = reason(entry).map(|why| format!("**{}**: {why}\n\n", entry.status_word())).unwrap_or_default();
    cells.markdown(&format!("# Answer\n\n{why}{}", entry.answer.answer))?;
    let notebook = Notebook { metadata: metadata(entry), nbformat: 4, nbformat_minor: 5, cells: cells.0 };
    nbformat::serialize_notebook(&nbformat::Notebook::V4(notebook))
}

fn metadata(entry: &Entry) -> Metadata {
    let kernel = KernelSpec {
        display_name: "Python 3 (ipykernel)".to_owned(),
        name: "python3".to_owned(),
        language: Some("python".to_owned()),
        additional: HashMap::new(),
    };
    let language = LanguageInfo {
        name: "python".to_owned(),
        version: None,
        codemirror_mode: None,
        additional: HashMap::new(),
    };
    let ours = json!({"id": entry.answer.id, "model": entry.answer.model, "started_at": entry.started_at});
    Metadata {
        kernelspec: Some(kernel),
        language_info: Some(language),
        authors: None,
        additional: HashMap::from([("belljar".to_owned(), ours)]),
    }
}

#[derive(Default)]
struct Cells(Vec<Cell>);

impl Cells {
    fn id(&self) -> Result<CellId, nbformat::NotebookError> {
        let id = CellId::new(&format!("cell-{}", self.0.len() + 1));
        id.map_err(|why| nbformat::NotebookError::ValidationError(why.to_owned()))
    }

    fn markdown(&mut self, text: &str) -> Result<(), nbformat::NotebookError> {
        let (id, metadata) = (self.id()?, CellMetadata::default());
        self.0.push(Cell::Markdown { id, metadata, source: lines(text), attachments: None });
        Ok(())
    }

    fn code(&mut self, run: &CodeRun) -> Result<(), nbformat::NotebookError> {
        let magic = match run.language {
            Language::Python => "",
            Language::Bash => "%%bash\n",
            Language::Javascript => "%%javascript\n",
            Language::Typescript => "%%typescript\n",
            Language::R => "%%R\n",
        };
        // Code that was denied has no number, as code that nobody ran in Jupyter has none.
        let ran = run.outcome.sandbox.is_some();
        let cell = Cell::Code {
            id: self.id()?,
            metadata: CellMetadata::default(),
            execution_count: ran.then_some(run.attempt).and_then(|attempt| i32::try_from(attempt).ok()),
            source: lines(&format!("{magic}{}", run.code)),
            outputs: outputs(&run.outcome, run.attempt),
        };
        self.0.push(cell);
        Ok(())
    }
}

/// Lines that keep their ends, as in a notebook's file.
fn lines(text: &str) -> Vec<String> {
    text.trim_end_matches('\n').split_inclusive('\n').map(str::to_owned).collect()
}

fn outputs(outcome: &Outcome, attempt: u32) -> Vec<Output> {
    let mut outputs = Vec::new();
    let findings: String = outcome.findings.iter().map(|one| format!("{}\n", finding(one))).collect();
    for (name, text) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr), ("stderr", &findings)] {
        if !text.is_empty() {
            outputs.push(Output::Stream { name: name.to_owned(), text: MultilineString(text.clone()) });
        }
    }
    for bundle in &outcome.results {
        let (data, metadata) = (media(bundle), Map::new());
        outputs.push(match bundle.main {
            true => {
                let execution_count = ExecutionCount(attempt as usize);
                Output::ExecuteResult(ExecuteResult { execution_count, data, metadata })
            }
            false => Output::DisplayData(DisplayData { data, metadata }),
        });
    }
    outputs.extend(outcome.error.as_ref().map(|error| {
        let (ename, evalue) = (error.name.clone(), error.message.clone());
        Output::Error(ErrorOutput { ename, evalue, traceback: failure(error) })
    }));
    outputs
}

/// All forms of a result. Names that are no MIME type, and JSON where the format wants text, come from code that plays
/// tricks.
fn media(bundle: &Bundle) -> Media {
    let forms = bundle.data.iter().filter(|(mime, _)| is_mime(mime)).map(|(mime, value)| {
        let structured = mime == "application/json" || mime.ends_with("+json");
        let value = match value {
            Value::String(_) => value.clone(),
            _ if structured => value.clone(),
            other => Value::String(other.to_string()),
        };
        MediaType::Other((mime.clone(), value))
    });
    Media::new(forms.collect())
}

fn is_mime(text: &str) -> bool {
    let plain = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    text.split_once('/').is_some_and(|(kind, name)| plain(kind, "") && plain(name, "-+._"))
}
