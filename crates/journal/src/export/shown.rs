//! Which of a result's many forms a page or a text shows. A notebook keeps all of them.

use base64::{Engine, engine::general_purpose::STANDARD};
use protocol::Bundle;
use serde_json::Value;

/// The form that is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown<'a> {
    /// A picture.
    Picture(Picture),
    /// Markdown that the code displayed.
    Markdown(&'a str),
    /// Text as it is.
    Text(String),
    /// The source of something that is not shown itself, in this language.
    Source(&'static str, String),
}

/// A picture, decoded: what is no valid base64 is no picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its MIME type, one of five.
    pub mime: &'static str,
    /// What its file's name ends with.
    pub extension: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

const PICTURES: [(&str, &str); 5] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/svg+xml", "svg"),
];

impl Picture {
    fn find(bundle: &Bundle) -> Option<Picture> {
        PICTURES.iter().find_map(|(mime, extension)| {
            let text = bundle.data.get(*mime)?.as_str()?;
            let bytes = if *extension == "svg" {
                text.as_bytes().to_owned()
            } else {
                let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                STANDARD.decode(packed).ok()?
            };
            Some(Picture { mime, extension, bytes })
        })
    }

    /// All of it in a URL.
    pub fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.mime, STANDARD.encode(&self.bytes))
    }
}

/// The form to show; `None` for a bundle that holds nothing.
pub fn shown(bundle: &Bundle) -> Option<Shown<'_>> {
    if let Some(picture) = Picture::find(bundle) {
        return Some(Shown::Picture(picture));
    }
    let text = |mime: &str| bundle.data.get(mime).and_then(Value::as_str);
    if let Some(markdown) = text("text/markdown") {
        return Some(Shown::Markdown(markdown));
    }
    if let Some(plain) = text("text/plain") {
        return Some(Shown::Text(super::plain(plain)));
    }
    for (mime, language) in [("text/html", "html"), ("text/latex", "latex")] {
        if let Some(source) = text(mime) {
            return Some(Shown::Source(language, super::plain(source)));
        }
    }
    let (mime, value) = bundle.data.first_key_value()?;
    if mime == "application/json" {
        return Some(Shown::Source("json", format!("{value:#}")));
    }
    Some(Shown::Text(format!("[{}]", super::plain(mime))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_best_form_is_shown() {
        let text = |text: &str| Some(Shown::Text(text.to_owned()));
        let cases = [
            (json!({"text/plain": "4", "text/html": "<b>4</b>"}), text("4")),
            (json!({"text/html": "<b>4</b>"}), Some(Shown::Source("html", "<b>4</b>".into()))),
            (json!({"text/plain": "x", "text/markdown": "*x*"}), Some(Shown::Markdown("*x*"))),
            (json!({"application/json": [1]}), Some(Shown::Source("json", "[\n  1\n]".into()))),
            (json!({"image/png": "<script>", "text/plain": "fig"}), text("fig")),
            (json!({"application/x-thing": 1}), text("[application/x-thing]")),
            (json!({}), None),
        ];
        for (data, seen) in cases {
            let bundle = serde_json::from_value(json!({"main": true, "data": data})).unwrap();
            assert_eq!(shown(&bundle), seen, "{data}");
        }
    }

    #[test]
    fn pictures_are_encoded_by_us() {
        let bundle =
            serde_json::from_value(json!({"main": true, "data": {"image/gif": "AAEC\nAw=="}})).unwrap();
        let Some(Shown::Picture(picture)) = shown(&bundle) else { panic!("no picture: {bundle:?}") };
        assert_eq!(picture.data_url(), "data:image/gif;base64,AAECAw==");
    }
}
