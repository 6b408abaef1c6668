//! Markdown of a model as HTML in which nothing of HTML is left, and no link that does anything but open a page.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// Turns Markdown into HTML: raw HTML is shown as text, pictures as their caption, links only to the web or to mail.
pub fn to_html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut out = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut out, Parser::new_ext(markdown, options).map(harmless));
    out
}

fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // A picture's address is a page that would learn who reads this; its caption is enough.
        Event::Start(Tag::Image { .. }) => Event::Start(Tag::Emphasis),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Emphasis),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if allowed(link_type, &dest_url) { dest_url } else { CowStr::Borrowed("#") };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        other => other,
    }
}

fn allowed(link_type: LinkType, address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    link_type == LinkType::Email
        || ["https://", "http://", "mailto:"].iter().any(|start| address.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_stays_markdown_and_html_becomes_text() {
        let cases = [
            ("**a** `b<c`", "<p><strong>a</strong> <code>b&lt;c</code></p>\n"),
            ("x <img src=y onerror=z>", "<p>x &lt;img src=y onerror=z&gt;</p>\n"),
            ("[a](https://x.example)", "<p><a href=\"https://x.example\">a</a></p>\n"),
            ("[a](javascript:alert)", "<p><a href=\"#\">a</a></p>\n"),
            ("[a](JaVaScRiPt:alert)", "<p><a href=\"#\">a</a></p>\n"),
            ("[a](data:text/html,x)", "<p><a href=\"#\">a</a></p>\n"),
            ("[a]( &#106;avascript:alert )", "<p><a href=\"#\">a</a></p>\n"),
            ("[a](https://x/\"onclick=\")", "<p><a href=\"https://x/%22onclick=%22\">a</a></p>\n"),
            ("![tracker](https://x.example/y.png)", "<p><em>tracker</em></p>\n"),
            ("<me@x.example>", "<p><a href=\"mailto:me@x.example\">me@x.example</a></p>\n"),
        ];
        for (markdown, seen) in cases {
            assert_eq!(to_html(markdown), seen, "{markdown}");
        }
        let block = to_html("<script>\nalert(1)\n</script>\n\n```\"onload=x\n</code></pre><script>\n```\n");
        assert!(!block.contains("<script") && block.contains("&lt;script&gt;"), "{block}");
        assert!(!block.contains("\"onload"), "{block}");
    }

    #[test]
    fn deep_markdown_ends() {
        for deep in [">".repeat(100_000), "[".repeat(100_000), "*a ".repeat(50_000)] {
            assert!(!to_html(&deep).is_empty());
        }
    }
}
