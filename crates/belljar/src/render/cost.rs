//! What an answer has cost, in one line.

use protocol::{Answer, Tokens};

/// `3 turns · 2 code attempts · 1,204 in / 310 out / 900 cached · $0.0042 · 6.1 s`; what is not known is left out.
pub fn line(answer: &Answer) -> String {
    let turns = counted(answer.turns.len() as u64, "turn");
    let mut parts = vec![turns, counted(answer.code_attempts.into(), "code attempt")];
    parts.extend(tokens(answer.usage));
    parts.extend(answer.cost_usd.map(dollars));
    parts.push(seconds(answer.wall_ms));
    parts.join(" · ")
}

fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn tokens(tokens: Tokens) -> Option<String> {
    if tokens.total() == 0 {
        return None;
    }
    let read = tokens.input.saturating_add(tokens.cache_write);
    let cached = match tokens.cache_read {
        0 => String::new(),
        cached => format!(" / {} cached", grouped(cached)),
    };
    Some(format!("{} in / {} out{cached}", grouped(read), grouped(tokens.output)))
}

fn dollars(dollars: f64) -> String {
    // Two digits that say something, also of small sums.
    let digits = if dollars >= 1.0 { 2 } else { 4 };
    format!("${dollars:.digits$}")
}

fn seconds(milliseconds: f64) -> String {
    let seconds = milliseconds / 1000.0;
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {} s", whole / 60, whole % 60)
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (number, text) in [(0, "0"), (999, "999"), (1204, "1,204"), (1_000_000, "1,000,000")] {
            assert_eq!(grouped(number), text);
        }
        for (milliseconds, text) in [
            (0.0, "0.0 s"),
            (6_140.0, "6.1 s"),
            (59_949.0, "59.9 s"),
            (59_960.0, "1 min 0 s"),
            (72_000.0, "1 min 12 s"),
        ] {
            assert_eq!(seconds(milliseconds), text);
        }
        for (sum, text) in [(0.0, "$0.0000"), (0.00416, "$0.0042"), (12.345, "$12.35")] {
            assert_eq!(dollars(sum), text);
        }
        let used = Tokens { input: 1200, cache_write: 4, output: 310, cache_read: 900, reasoning: 5 };
        assert_eq!(tokens(used).as_deref(), Some("1,204 in / 310 out / 900 cached"));
        assert_eq!(tokens(Tokens { output: 1, ..Tokens::default() }).as_deref(), Some("0 in / 1 out"));
        assert_eq!(tokens(Tokens::default()), None);
        assert_eq!((counted(1, "turn"), counted(0, "turn")), ("1 turn".into(), "0 turns".into()));
    }
}
