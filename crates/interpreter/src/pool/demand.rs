//! How many sandboxes of one kind shall be ready: as many as the last rush took, less with every quiet minute.
//!
//! A rush is what is taken within the time that filling needs to get under way, a second at least: that is what the
//! shelf must have by itself. What comes more slowly is made as fast as it is taken. Pure: whoever asks says when it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What filling needs at least to get under way: it gives way to running code that long.
const RUSH_MIN: Duration = Duration::from_secs(1);

/// How many sandboxes of one kind are kept ready. A number means exactly so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// At least.
    pub floor: usize,
    /// At most; never less than the floor.
    pub ceiling: usize,
}

impl From<usize> for Stock {
    fn from(count: usize) -> Stock {
        Stock { floor: count, ceiling: count }
    }
}

/// What was asked for lately.
#[derive(Debug)]
pub(crate) struct Demand {
    stock: Stock,
    half_life: Duration,
    /// When those of the rush were taken that may still go on, the newest last; never more than the ceiling.
    taken: VecDeque<Instant>,
    /// The greatest rush that counts now, and when it was.
    peak: (usize, Instant),
}

impl Demand {
    /// Nothing was asked for yet. After each `half_life`, a rush counts half.
    pub fn new(stock: Stock, half_life: Duration, now: Instant) -> Demand {
        let stock = Stock { ceiling: stock.ceiling.max(stock.floor), ..stock };
        Demand { stock, half_life, taken: VecDeque::new(), peak: (0, now) }
    }

    /// One was asked for, whether it was there or not. `making` is how long one takes to be made.
    pub fn asked(&mut self, making: Duration, now: Instant) {
        let rush = making.max(RUSH_MIN);
        self.taken.push_back(now);
        while self.taken.len() > self.stock.ceiling.max(1)
            || self.taken.front().is_some_and(|then| now.duration_since(*then) > rush)
        {
            self.taken.pop_front();
        }
        if self.taken.len() >= self.level(now) {
            self.peak = (self.taken.len(), now);
        }
    }

    /// What is configured.
    pub fn stock(&self) -> Stock {
        self.stock
    }

    /// How many shall be ready now.
    pub fn target(&self, now: Instant) -> usize {
        self.level(now).clamp(self.stock.floor, self.stock.ceiling)
    }

    fn level(&self, now: Instant) -> usize {
        let (peak, when) = self.peak;
        let halvings = now.duration_since(when).as_secs_f64() / self.half_life.as_secs_f64();
        (peak as f64 * 0.5_f64.powf(halvings)).round() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const MAKING: Duration = Duration::from_millis(20);

    fn after(demand: &mut Demand, start: Instant, millis: impl IntoIterator<Item = u64>) {
        millis.into_iter().for_each(|ms| demand.asked(MAKING, start + Duration::from_millis(ms)));
    }

    #[test]
    fn a_rush_raises_the_target_at_once_and_quiet_halves_it_down_to_the_floor() {
        let start = Instant::now();
        let mut demand = Demand::new(Stock { floor: 2, ceiling: 20 }, MINUTE, start);
        assert_eq!(demand.target(start), 2);
        after(&mut demand, start, (0..12).map(|number| number * 50));
        let last = start + Duration::from_millis(550);
        let later = [0, 1, 2, 3, 30].map(|minutes| demand.target(last + minutes * MINUTE));
        assert_eq!(later, [12, 6, 3, 2, 2]);
    }

    #[test]
    fn what_comes_slowly_keeps_the_floor() {
        let start = Instant::now();
        let mut demand = Demand::new(Stock { floor: 1, ceiling: 20 }, MINUTE, start);
        after(&mut demand, start, (0..600).map(|number| number * 1001));
        assert_eq!(demand.target(start + 10 * MINUTE), 1);
        after(&mut demand, start + 11 * MINUTE, (0..600).map(|number| number * 250));
        assert_eq!(demand.target(start + 11 * MINUTE + Duration::from_secs(150)), 5, "in the last second");
    }

    #[test]
    fn a_lesser_rush_holds_what_the_greater_one_has_left() {
        let start = Instant::now();
        let mut demand = Demand::new(Stock { floor: 0, ceiling: 20 }, MINUTE, start);
        after(&mut demand, start, [0; 16]);
        after(&mut demand, start + 2 * MINUTE, [0; 3]);
        assert_eq!(demand.target(start + 2 * MINUTE), 4, "of 16, after two minutes");
        after(&mut demand, start + 2 * MINUTE, [0; 2]);
        assert_eq!(demand.target(start + 2 * MINUTE), 5);
        assert_eq!(demand.target(start + 6 * MINUTE), 0, "a floor of none is reached");
    }

    #[test]
    fn what_takes_long_to_make_is_kept_for_longer_rushes() {
        let start = Instant::now();
        let mut demand = Demand::new(Stock { floor: 1, ceiling: 20 }, MINUTE, start);
        let every_second = (0..10).map(|number| start + Duration::from_secs(number));
        every_second.for_each(|now| demand.asked(Duration::from_secs(5), now));
        assert_eq!(demand.target(start + Duration::from_secs(9)), 6);
    }

    #[test]
    fn the_ceiling_holds_and_is_never_below_the_floor() {
        let start = Instant::now();
        let mut demand = Demand::new(Stock { floor: 1, ceiling: 4 }, MINUTE, start);
        after(&mut demand, start, [0; 50]);
        assert_eq!((demand.target(start), demand.target(start + MINUTE)), (4, 2));
        assert_eq!(Demand::new(Stock { floor: 3, ceiling: 0 }, MINUTE, start).target(start), 3);
        let mut none = Demand::new(Stock::from(0), MINUTE, start);
        after(&mut none, start, [0; 9]);
        assert_eq!(none.target(start), 0);
    }
}
