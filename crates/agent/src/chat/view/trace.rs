//! The part of a traceback that whoever wrote the code can act on: frames of the code, not of libraries.

use super::text;

const LINE_CHARS: usize = 400;
const LINES_HEAD: usize = 10;
const LINES_TAIL: usize = 30;
/// Files that nobody wrote who could change them.
const LIBRARIES: [&str; 5] = ["/site-packages/", "/lib/python", "/.belljar/", "<frozen ", "node:internal"];

/// The traceback without frames of libraries; says how many were left out.
pub(super) fn users(lines: &[String]) -> String {
    let mut kept: Vec<String> = Vec::new();
    let (mut skipping, mut skipped) = (false, 0);
    for line in lines {
        let begins = is_frame(line);
        if begins {
            skipping = LIBRARIES.iter().any(|part| line.contains(part));
            skipped += usize::from(skipping);
        } else if !line.starts_with("    ") {
            skipping = false;
        }
        if skipping {
            continue;
        }
        flush(&mut kept, &mut skipped);
        kept.push(text::line(line, LINE_CHARS));
    }
    flush(&mut kept, &mut skipped);
    if kept.len() > LINES_HEAD + LINES_TAIL {
        let gap = format!("… {} lines left out …", kept.len() - LINES_HEAD - LINES_TAIL);
        kept.splice(LINES_HEAD..kept.len() - LINES_TAIL, [gap]);
    }
    kept.join("\n")
}

fn is_frame(line: &str) -> bool {
    let start = line.trim_start();
    line.starts_with("  ") && (start.starts_with("File \"") || start.starts_with("at "))
}

fn flush(kept: &mut Vec<String>, skipped: &mut usize) {
    if *skipped > 0 {
        kept.push(format!("  … {skipped} frames of libraries …"));
        *skipped = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_libraries_go() {
        let lines = [
            "Traceback (most recent call last):",
            "  File \"<cell 2>\", line 3, in <module>",
            "    table[\"x\"]",
            "    ~~~~~^^^^^",
            "  File \"/.belljar/template/lib/python3.12/site-packages/pandas/frame.py\", line 4, in __getitem__",
            "    indexer = self.columns.get_loc(key)",
            "  File \"/usr/lib/python3.12/codecs.py\", line 1, in f",
            "    raise",
            "KeyError: 'x'",
        ];
        let lines = lines.map(str::to_owned);
        let expected = "Traceback (most recent call last):\n  File \"<cell 2>\", line 3, in <module>\n    table[\"x\"]\n    ~~~~~^^^^^\n  … 2 frames of libraries …\nKeyError: 'x'";
        assert_eq!(users(&lines), expected);
    }

    #[test]
    fn long_ones_lose_their_middle() {
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let cut = users(&lines);
        assert_eq!(cut.lines().count(), LINES_HEAD + LINES_TAIL + 1);
        assert!(cut.contains("line 9\n… 60 lines left out …\nline 70\n"), "{cut}");
    }
}
