//! What an answer may use, and what it has used: asked before every request to the model.

use super::{AskLimits, end::Ended};
use crate::model::Prices;
use protocol::{AnswerStatus, Tokens};
use std::time::Instant;

/// Limits and use of one answer.
pub(super) struct Budget {
    pub limits: AskLimits,
    pub started: Instant,
    pub deadline: Option<Instant>,
    prices: Option<Prices>,
    used: Tokens,
    /// What a next request has to read at least.
    ahead: u64,
}

impl Budget {
    pub fn new(limits: AskLimits, prices: Option<Prices>) -> Budget {
        let started = Instant::now();
        let deadline = limits.deadline.and_then(|deadline| started.checked_add(deadline));
        let (used, ahead) = Default::default();
        Budget { limits, started, deadline, prices, used, ahead }
    }

    /// Counts the tokens of a reply, or of a request that brought none.
    pub fn count(&mut self, tokens: Tokens) {
        self.used += tokens;
        // Nobody reads reasoning again.
        self.ahead = tokens.total().saturating_sub(tokens.reasoning);
    }

    pub fn used(&self) -> Tokens {
        self.used
    }

    /// Dollars used, where prices are known.
    pub fn cost_usd(&self) -> Option<f64> {
        self.prices.map(|prices| cost_usd(self.used, prices))
    }

    /// Milliseconds that are left, at least 1; `None` without a deadline.
    pub fn left_ms(&self) -> Option<u64> {
        let left = self.deadline?.saturating_duration_since(Instant::now());
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1))
    }

    /// Whether a next request may be sent after so many turns.
    pub fn check(&self, turns: u32) -> Result<(), Ended> {
        if turns >= self.limits.turns {
            return Err(Ended::turns(self.limits.turns));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Ended::deadline());
        }
        self.check_tokens()?;
        self.check_cost()
    }

    fn check_tokens(&self) -> Result<(), Ended> {
        let Some(limit) = self.limits.tokens else {
            return Ok(());
        };
        let (used, next) = (self.used.total(), self.used.total().saturating_add(self.ahead));
        if used < limit && next <= limit {
            return Ok(());
        }
        let message = format!(
            "go on within {limit} tokens: {used} are used, the next turn reads {} or more",
            self.ahead
        );
        Err(Ended::new(AnswerStatus::TokenLimit, "token_limit", message, "allow more tokens"))
    }

    fn check_cost(&self) -> Result<(), Ended> {
        let Some(limit) = self.limits.cost_usd else {
            return Ok(());
        };
        let Some(prices) = self.prices else {
            let hint = "set the model's prices, or limit tokens instead";
            let message = "hold a limit of dollars: this model's prices are not known";
            return Err(Ended::new(AnswerStatus::CostLimit, "prices_unknown", message, hint));
        };
        let used = cost_usd(self.used, prices);
        let next = used + cost_usd(Tokens { cache_read: self.ahead, ..Tokens::default() }, prices);
        if used < limit && next <= limit {
            return Ok(());
        }
        let message = format!("go on within ${limit}: ${used:.4} are used");
        Err(Ended::new(AnswerStatus::CostLimit, "cost_limit", message, "allow more dollars"))
    }
}

fn cost_usd(tokens: Tokens, prices: Prices) -> f64 {
    let parts = [
        (tokens.input, prices.input),
        (tokens.output, prices.output),
        (tokens.cache_read, prices.cache_read),
        (tokens.cache_write, prices.cache_write),
    ];
    parts.into_iter().map(|(tokens, price)| tokens as f64 * price).sum::<f64>() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PRICES: Prices = Prices { input: 2.0, output: 10.0, cache_read: 0.2, cache_write: 2.5 };

    fn used(limits: AskLimits, prices: Option<Prices>, tokens: Tokens) -> Budget {
        let mut budget = Budget::new(limits, prices);
        budget.count(tokens);
        budget
    }

    #[test]
    fn dollars_come_from_all_prices() {
        let tokens = Tokens {
            input: 1_000_000,
            output: 100_000,
            cache_read: 10_000_000,
            cache_write: 400_000,
            reasoning: 9,
        };
        let budget = used(AskLimits::default(), Some(PRICES), tokens);
        assert!((budget.cost_usd().unwrap() - 6.0).abs() < 1e-9, "{:?}", budget.cost_usd());
        assert_eq!(used(AskLimits::default(), None, tokens).cost_usd(), None);
    }

    #[test]
    fn every_bound_has_its_own_end() {
        let tokens = Tokens { input: 90, output: 10, ..Tokens::default() };
        let none = AskLimits::default;
        let limit = |tokens| AskLimits { tokens: Some(tokens), ..none() };
        let dollars = |cost_usd| AskLimits { cost_usd: Some(cost_usd), ..none() };
        let time = |deadline| AskLimits { deadline: Some(Duration::from_secs(deadline)), ..none() };
        for (limits, prices, turns, expected) in [
            (none(), None, 9, None),
            (none(), None, 10, Some("turn_limit")),
            (AskLimits { turns: 0, ..none() }, None, 0, Some("turn_limit")),
            (limit(200), None, 1, None),
            (limit(199), None, 1, Some("token_limit")),
            (limit(100), None, 1, Some("token_limit")),
            (dollars(0.0003), Some(PRICES), 1, None),
            (dollars(0.00028), Some(PRICES), 1, Some("cost_limit")),
            (dollars(1.0), None, 0, Some("prices_unknown")),
            (time(0), None, 1, Some("deadline")),
            (time(3600), None, 1, None),
        ] {
            let ended = used(limits.clone(), prices, tokens).check(turns).err();
            assert_eq!(ended.map(|ended| ended.error.code).as_deref(), expected, "{limits:?} after {turns}");
        }
    }
}
