//! A file's MIME type, guessed from its name: nothing of the file is looked at.

/// The MIME type that a name suggests; `application/octet-stream` where it suggests none.
pub fn guess(name: &str) -> String {
    let ending = name.rsplit(['/', '.']).next().unwrap_or_default().to_ascii_lowercase();
    let known = match ending.as_str() {
        "parquet" => "application/vnd.apache.parquet",
        "ipynb" => "application/x-ipynb+json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "py" => "text/x-python",
        "ts" => "text/typescript",
        "npy" | "npz" | "pkl" | "pickle" => "application/octet-stream",
        _ => return mime_guess::from_path(name).first_or_octet_stream().essence_str().to_owned(),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_suggest_types() {
        for (name, mime) in [
            ("plot.png", "image/png"),
            ("a/b.CSV", "text/csv"),
            ("x.parquet", "application/vnd.apache.parquet"),
            ("book.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ("page.html", "text/html"),
            ("Makefile", "application/octet-stream"),
            ("", "application/octet-stream"),
            ("new\nline.svg", "image/svg+xml"),
        ] {
            assert_eq!(super::guess(name), mime, "{name}");
        }
    }
}
