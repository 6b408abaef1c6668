//! What servers say when they fail: the shapes of their errors, what kind of failure it is, and whether to try again.
//! Their text is not trusted: it is made plain and cut.

use super::Trouble;
use crate::model::FailureKind;
use serde_json::Value;

/// Longest text of a server that is kept, in bytes.
const TEXT_BYTES_MAX: usize = 2000;

/// Words for money that is used up.
const SPENT: [&str; 4] =
    ["enforced_spend_limit_reached", "insufficient_quota", "billing_hard_limit_reached", "billing_error"];

/// What error words mean where a stream has no status of its own.
const USUAL_STATUS: [(&str, u16); 12] = [
    ("invalid_request_error", 400),
    ("invalid_prompt", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// A server's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Its words for the error, the most exact one first.
    words: Vec<String>,
    /// Its text.
    message: String,
}

impl Complaint {
    /// Reads an error object, the object that has it as `error`, a list of one, or a bare text.
    pub fn read(body: &Value) -> Complaint {
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let words = [&error["details"]["error_code"], &error["code"], &error["type"]];
        let words = words.into_iter().filter_map(Value::as_str).map(|word| bounded(word, 100)).collect();
        let texts = [error, &error["message"], &error["detail"], &body["message"], &body["detail"]];
        let message = texts.into_iter().find_map(Value::as_str).unwrap_or_default();
        Complaint { words, message: bounded(message, TEXT_BYTES_MAX) }
    }

    /// Reads the body of an error response: JSON, a page of a proxy, of which the title says enough, or any text.
    pub fn parse(body: &[u8]) -> Complaint {
        if let Ok(value) = serde_json::from_slice(body) {
            return Complaint::read(&value);
        }
        let text = String::from_utf8_lossy(body);
        let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        Complaint::read(&title.map_or(&*text, |(title, _)| title).into())
    }

    /// The status that a response with this error would have had; 500 where the words are not known.
    pub fn usual_status(&self) -> u16 {
        let status =
            |word: &String| USUAL_STATUS.iter().find(|(known, _)| known == word).map(|(_, status)| *status);
        self.words.iter().find_map(status).unwrap_or(500)
    }

    /// What it means together with the response's status. `should_retry` is the server's own word on trying again.
    pub fn trouble(&self, status: u16, should_retry: Option<bool>) -> Trouble {
        let spent = status == 402 || self.words.iter().any(|word| SPENT.contains(&word.as_str()));
        let kind = match status {
            _ if spent => FailureKind::SpendLimit,
            401 | 403 => FailureKind::Auth,
            404 => FailureKind::NotFound,
            408 | 504 => FailureKind::Timeout,
            429 => FailureKind::RateLimited,
            500.. => FailureKind::Overloaded,
            _ => FailureKind::Rejected,
        };
        let again = should_retry.unwrap_or(matches!(status, 408 | 409 | 429 | 500..));
        Trouble { kind, message: self.text(status), again: again && !spent, after: None }
    }

    fn text(&self, status: u16) -> String {
        let word = self.words.first().map(|word| format!(", {word}")).unwrap_or_default();
        let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        format!("status {status}{word}{message}")
    }
}

/// The text, plain and at most so many bytes long.
pub fn bounded(text: &str, bytes_max: usize) -> String {
    // Escape sequences are dropped first, and a text of any length must not cost more than its beginning.
    let head = &text[..text.floor_char_boundary(bytes_max * 2)];
    let plain = interpreter::plain(head);
    let plain = plain.trim();
    if plain.len() <= bytes_max && head.len() == text.len() {
        return plain.to_owned();
    }
    format!("{}…", &plain[..plain.floor_char_boundary(bytes_max)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_of_all_servers_are_understood() {
        use FailureKind::*;
        let anthropic = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "m"}});
        let openai =
            |code: Value| json!({"error": {"message": "m", "type": "t", "code": code, "param": null}});
        let spent = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m",
            "details": {"error_code": "enforced_spend_limit_reached"}}});
        let cases = [
            (529, anthropic("overloaded_error"), Overloaded, true, "status 529, overloaded_error: m"),
            (
                400,
                anthropic("invalid_request_error"),
                Rejected,
                false,
                "status 400, invalid_request_error: m",
            ),
            (401, anthropic("authentication_error"), Auth, false, "status 401, authentication_error: m"),
            (403, anthropic("permission_error"), Auth, false, "status 403, permission_error: m"),
            (402, anthropic("billing_error"), SpendLimit, false, "status 402, billing_error: m"),
            (404, anthropic("not_found_error"), NotFound, false, "status 404, not_found_error: m"),
            (409, anthropic("conflict"), Rejected, true, "status 409, conflict: m"),
            (429, spent, SpendLimit, false, "status 429, enforced_spend_limit_reached: m"),
            (
                429,
                openai(json!("insufficient_quota")),
                SpendLimit,
                false,
                "status 429, insufficient_quota: m",
            ),
            (
                429,
                openai(json!("rate_limit_exceeded")),
                RateLimited,
                true,
                "status 429, rate_limit_exceeded: m",
            ),
            (500, openai(Value::Null), Overloaded, true, "status 500, t: m"),
            (
                404,
                json!({"error": "model 'x' not found"}),
                NotFound,
                false,
                "status 404: model 'x' not found",
            ),
            (422, json!({"detail": "bad"}), Rejected, false, "status 422: bad"),
            (400, json!([{"error": {"message": "m", "code": 400}}]), Rejected, false, "status 400: m"),
            (504, json!({}), Timeout, true, "status 504"),
        ];
        for (status, body, kind, again, message) in cases {
            let trouble = Complaint::read(&body).trouble(status, None);
            assert_eq!(
                (trouble.kind, trouble.again, trouble.message.as_str()),
                (kind, again, message),
                "{body}"
            );
        }
    }

    #[test]
    fn the_servers_word_on_trying_again_counts_but_money_counts_more() {
        let complaint = |kind: &str| Complaint::read(&json!({"error": {"type": kind}}));
        assert!(complaint("x").trouble(400, Some(true)).again);
        assert!(!complaint("x").trouble(500, Some(false)).again);
        assert!(!complaint("insufficient_quota").trouble(429, Some(true)).again);
    }

    #[test]
    fn errors_within_streams_mean_what_their_words_mean() {
        let cases = [
            (json!({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}), 529),
            (json!({"type": "error", "code": "rate_limit_exceeded", "message": "m"}), 429),
            (json!({"code": "server_error", "message": "m"}), 500),
            (json!({"error": {"type": "invalid_request_error"}}), 400),
            (json!({"error": "out of memory"}), 500),
        ];
        for (body, status) in cases {
            assert_eq!(Complaint::read(&body).usual_status(), status, "{body}");
        }
    }

    #[test]
    fn the_title_of_a_page_says_enough() {
        let page = b"<html>\n<head><title>502 Bad Gateway</title></head>\n<body><hr></body></html>";
        assert_eq!(Complaint::parse(page).trouble(502, None).message, "status 502: 502 Bad Gateway");
    }

    #[test]
    fn text_is_made_plain_and_cut() {
        let page = format!("<html>\u{1b}[31m\u{7}{}", "é".repeat(5000));
        let message = Complaint::parse(page.as_bytes()).trouble(502, None).message;
        assert!(message.starts_with("status 502: <html>éé") && message.ends_with("é…"), "{message}");
        assert!(message.len() < TEXT_BYTES_MAX + 30 && !message.contains('\u{1b}'), "{}", message.len());
    }
}
