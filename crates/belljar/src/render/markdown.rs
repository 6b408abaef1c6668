//! Markdown on a terminal: headings, emphasis, lists, quotes, code in colours, tables with aligned columns, links with
//! their address in sight. A model wrote it: whatever a terminal would obey is taken out, also out of entities.

use super::highlight;
use super::table::{Align, columns, widest};
use super::terminal::{FAINT, Look, harmless};
use super::wrap::{Spans, Style, line, wrapped};
use protocol::Language;
use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Narrower than this, text is not wrapped any more.
const COLUMNS_MIN: usize = 20;

/// Markdown as lines of at most `width` columns, where its words allow that.
pub fn render(markdown: &str, look: Look, width: usize) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page { look, width, ..Page::default() };
    for event in Parser::new_ext(&harmless(markdown), options) {
        page.event(event);
    }
    page.flush();
    page.out
}

#[derive(Default)]
struct Page {
    look: Look,
    width: usize,
    out: String,
    spans: Spans,
    style: Style,
    outer: Vec<Style>,
    margins: Vec<Margin>,
    /// The next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    link: Option<Link>,
    code: Option<(String, String)>,
    table: Option<Table>,
    /// The next block stands apart.
    gap: bool,
}

/// What stands left of a block.
struct Margin {
    first: String,
    rest: String,
}

struct Link {
    address: String,
    from: usize,
}

#[derive(Default)]
struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Page {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some((_, code)) => code.push_str(&text),
                None => self.say(&text),
            },
            Event::Code(text) => self.code(&text),
            Event::Html(text) | Event::InlineHtml(text) => self.say(text.trim_end_matches('\n')),
            Event::SoftBreak => self.say(" "),
            Event::HardBreak => self.say("\n"),
            Event::Rule => {
                self.begin();
                let rule = "─".repeat(self.room().min(40));
                self.put(&[self.look.paint(FAINT, &rule)]);
                self.gap = true;
            }
            Event::TaskListMarker(done) => self.say(if done { "☑ " } else { "☐ " }),
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.say(&text);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                let first = matches!(level, HeadingLevel::H1 | HeadingLevel::H2);
                self.push(|style| Style { bold: true, title: first, ..style });
                if !self.look.colour {
                    self.say(&format!("{} ", "#".repeat(level as usize)));
                }
            }
            Tag::BlockQuote(_) => {
                self.flush();
                let bar = self.look.paint(FAINT, "│ ");
                self.margins.push(Margin { first: bar.clone(), rest: bar });
            }
            Tag::CodeBlock(kind) => {
                self.flush();
                let CodeBlockKind::Fenced(name) = kind else { return self.code = Some(Default::default()) };
                self.code = Some((name.to_string(), String::new()));
            }
            Tag::List(start) => {
                self.flush();
                self.lists.push(start);
            }
            Tag::Item => self.item(),
            Tag::Table(align) => {
                self.table = Some(Table { align: align.iter().map(side).collect(), ..Table::default() })
            }
            Tag::TableHead => {
                self.push(|style| Style { bold: true, ..style });
                self.row();
            }
            Tag::TableRow => self.row(),
            Tag::Emphasis => self.push(|style| Style { italic: true, ..style }),
            Tag::Strong => self.push(|style| Style { bold: true, ..style }),
            Tag::Strikethrough => self.push(|style| Style { struck: true, ..style }),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some(Link { address: harmless(&dest_url), from: self.spans.len() });
                self.push(|style| Style { link: true, ..style });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.close(),
            TagEnd::Heading(_) => {
                self.close();
                self.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.margins.pop();
                self.gap = true;
            }
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap = self.lists.is_empty();
            }
            TagEnd::Item => {
                self.flush();
                self.margins.pop();
            }
            TagEnd::Table => self.table(),
            TagEnd::TableHead => self.pop(),
            TagEnd::TableCell => {
                let cell = line(&std::mem::take(&mut self.spans), self.look);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => self.pop(),
            TagEnd::Link | TagEnd::Image => self.link(),
            _ => {}
        }
    }

    fn push(&mut self, change: impl Fn(Style) -> Style) {
        self.outer.push(self.style);
        self.style = change(self.style);
    }

    fn pop(&mut self) {
        self.style = self.outer.pop().unwrap_or_default();
    }

    fn say(&mut self, text: &str) {
        // Entities are letters by now.
        self.spans.push((self.style, harmless(text)));
    }

    fn code(&mut self, text: &str) {
        let text = harmless(text);
        let text = if self.look.colour { text } else { format!("`{text}`") };
        self.spans.push((Style { code: true, ..self.style }, text));
    }

    /// The address stays in sight: nobody is led elsewhere by a text.
    fn link(&mut self) {
        self.pop();
        let Some(link) = self.link.take() else { return };
        let text: String =
            self.spans[link.from.min(self.spans.len())..].iter().map(|(_, text)| text.as_str()).collect();
        let bare = |text: &str| text.trim_start_matches("mailto:").trim_end_matches('/').to_owned();
        if !link.address.is_empty() && bare(&text) != bare(&link.address) {
            let style = Style { faint: true, ..self.style };
            self.spans.push((style, format!(" ({})", link.address)));
        }
    }

    fn item(&mut self) {
        self.flush();
        let first = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => "• ".to_owned(),
        };
        let rest = " ".repeat(first.chars().count());
        self.margins.push(Margin { first, rest });
    }

    fn row(&mut self) {
        if let Some(table) = &mut self.table {
            table.rows.push(Vec::new());
        }
    }

    fn table(&mut self) {
        let Some(mut table) = self.table.take() else { return };
        let lines = widest(&table.rows).into_iter().map(|columns| "─".repeat(columns)).collect();
        table.rows.insert(1.min(table.rows.len()), lines);
        self.begin();
        let text = columns(&table.rows, &table.align);
        self.put(&text.lines().map(str::to_owned).collect::<Vec<_>>());
        self.gap = true;
    }

    fn code_block(&mut self) {
        let Some((name, code)) = self.code.take() else { return };
        let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let language = match name {
            "py" | "python" | "python3" => Some(Language::Python),
            "js" | "javascript" => Some(Language::Javascript),
            "ts" | "typescript" => Some(Language::Typescript),
            "sh" | "bash" | "shell" => Some(Language::Bash),
            "r" | "R" => Some(Language::R),
            _ => None,
        };
        let lines = match language {
            Some(language) => highlight::lines(&code, language, self.look),
            None => harmless(&code).lines().map(str::to_owned).collect(),
        };
        self.begin();
        self.put(&lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>());
        self.gap = true;
    }

    /// Ends a block of text.
    fn close(&mut self) {
        self.flush();
        self.gap = true;
    }

    fn flush(&mut self) {
        if self.table.is_some() || self.spans.is_empty() {
            return;
        }
        self.begin();
        let lines = wrapped(&std::mem::take(&mut self.spans), self.room());
        self.put(&lines.iter().map(|spans| line(spans, self.look)).collect::<Vec<_>>());
    }

    fn begin(&mut self) {
        if std::mem::take(&mut self.gap) && !self.out.is_empty() {
            let margin: String = self.margins.iter().map(|margin| margin.rest.as_str()).collect();
            self.out.push_str(margin.trim_end());
            self.out.push('\n');
        }
    }

    fn room(&self) -> usize {
        let margins: usize = self.margins.iter().map(|margin| super::table::width(&margin.rest)).sum();
        self.width.saturating_sub(margins).max(COLUMNS_MIN)
    }

    fn put(&mut self, lines: &[String]) {
        for text in lines {
            let mut whole = String::new();
            for margin in &mut self.margins {
                whole.push_str(&std::mem::replace(&mut margin.first, margin.rest.clone()));
            }
            whole.push_str(text);
            self.out.push_str(whole.trim_end());
            self.out.push('\n');
        }
    }
}

fn side(alignment: &Alignment) -> Align {
    match alignment {
        Alignment::Right => Align::Right,
        Alignment::Center => Align::Centre,
        _ => Align::Left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { terminal: true, colour: false };
    const COLOUR: Look = Look { terminal: true, colour: true };

    #[test]
    fn every_kind_of_block() {
        let cases = [
            ("a *b* **c** `d` ~~e~~", "a b c `d` e\n"),
            ("## Title\ntext", "## Title\n\ntext\n"),
            ("one two three four five six seven", "one two three four five\nsix seven\n"),
            ("a  \nb\nc", "a\nb c\n"),
            ("- a\n- b\n  1. c\n  2. d\n", "• a\n• b\n  1. c\n  2. d\n"),
            ("3. first words that are wrapped here", "3. first words that are\n   wrapped here\n"),
            ("x\n\n- a\n\n  b\n\n- c", "x\n\n• a\n\n  b\n\n• c\n"),
            ("- [x] done\n- [ ] open", "• ☑ done\n• ☐ open\n"),
            ("> a\n>\n> b", "│ a\n│\n│ b\n"),
            ("```\nx  y\n\n  z\n```", "  x  y\n\n    z\n"),
            ("|a|n|\n|:-|-:|\n|x|10|\n|long|9|", "a      n\n────  ──\nx     10\nlong   9\n"),
            ("[here](http://x.y/z) <http://a.b>", "here (http://x.y/z)\nhttp://a.b\n"),
            ("![a plot](plot.png)", "a plot (plot.png)\n"),
            ("---", "────────────────────────\n"),
            ("<b>x</b>", "<b>x</b>\n"),
            ("2 < 3 & größe 図", "2 < 3 & größe 図\n"),
            ("", ""),
        ];
        for (markdown, expected) in cases {
            assert_eq!(render(markdown, PLAIN, 24), expected, "{markdown:?}");
        }
    }

    #[test]
    fn styles_are_closed_on_every_line() {
        assert_eq!(render("**a b**", COLOUR, 80), "\x1b[1ma b\x1b[0m\n");
        let long = format!("**{}**", "word ".repeat(10).trim_end());
        for line in render(&long, COLOUR, 24).lines() {
            assert!(line.starts_with("\x1b[1m") && line.ends_with("\x1b[0m"), "{line:?}");
        }
        assert_eq!(render("`x`", COLOUR, 80), "\x1b[36mx\x1b[0m\n");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let hostile =
            "a\x1b]52;c;x\x07b &#27;[2J &#x9b;5n [t\x1b[1m](http://x/&#27;c)\n\n```\n\x1b[2J\x08\n```";
        let seen = render(hostile, PLAIN, 80);
        assert!(!seen.chars().any(|c| c.is_control() && c != '\n'), "{seen:?}");
    }
}
