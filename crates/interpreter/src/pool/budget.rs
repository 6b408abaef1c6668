//! How memory is shared out between kinds of warm sandboxes. Pure.

/// One kind of sandbox that wants to be ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// So many at least.
    pub floor: usize,
    /// So many now; never less than the floor.
    pub target: usize,
    /// What one takes.
    pub cost: Cost,
}

/// The memory of one warm sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// None was made yet.
    Unmeasured,
    /// Bytes.
    Bytes(u64),
}

/// How many of each kind may be ready within these bytes. One of each that has a floor comes first and whatever it
/// costs, then the floors in turns, then what demand wants.
pub(crate) fn share(bytes: u64, claims: &[Claim]) -> Vec<usize> {
    let mut left = bytes;
    let mut granted: Vec<usize> =
        claims.iter().map(|claim| usize::from(claim.floor > 0 && bytes > 0)).collect();
    for (claim, granted) in claims.iter().zip(&granted) {
        left = left.saturating_sub(claim.cost.bytes() * *granted as u64);
    }
    for limit in [|claim: &Claim| claim.floor, |claim: &Claim| claim.target] {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for (claim, granted) in claims.iter().zip(&mut granted) {
                if *granted < limit(claim) && claim.may_have_another(*granted, left) {
                    *granted += 1;
                    left -= claim.cost.bytes();
                    moved = true;
                }
            }
        }
    }
    granted
}

impl Claim {
    fn may_have_another(&self, granted: usize, left: u64) -> bool {
        match self.cost {
            // The first one will tell.
            Cost::Unmeasured => granted == 0 && left > 0,
            Cost::Bytes(bytes) => bytes <= left,
        }
    }
}

impl Cost {
    /// As far as it is known.
    pub fn bytes(self) -> u64 {
        match self {
            Cost::Unmeasured => 0,
            Cost::Bytes(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(floor: usize, target: usize, cost: u64) -> Claim {
        Claim { floor, target, cost: Cost::Bytes(cost) }
    }

    #[test]
    fn floors_come_before_wishes_and_kinds_take_turns() {
        let claims = [claim(2, 9, 10), claim(1, 9, 10)];
        assert_eq!(share(1000, &claims), [9, 9]);
        assert_eq!(share(60, &claims), [4, 2], "three for the floors, then in turns");
        assert_eq!(share(50, &claims), [3, 2]);
        assert_eq!(share(30, &claims), [2, 1]);
        assert_eq!(share(25, &claims), [1, 1]);
    }

    #[test]
    fn one_is_there_whatever_it_costs_as_long_as_there_is_memory_for_it_at_all() {
        let claims = [claim(3, 9, 100), claim(0, 9, 100), claim(1, 1, 100)];
        assert_eq!(share(50, &claims), [1, 0, 1]);
        assert_eq!(share(0, &claims), [0, 0, 0]);
        assert_eq!(share(300, &claims), [2, 0, 1]);
        assert_eq!(share(400, &claims), [3, 0, 1]);
        assert_eq!(share(500, &claims), [4, 0, 1]);
        assert_eq!(share(600, &claims), [4, 1, 1]);
    }

    #[test]
    fn the_first_is_measured_before_there_are_more() {
        let unmeasured = Claim { cost: Cost::Unmeasured, ..claim(3, 9, 0) };
        assert_eq!(share(1000, &[unmeasured, claim(0, 4, 10)]), [1, 4]);
        let wish = Claim { floor: 0, ..unmeasured };
        assert_eq!(share(1000, &[wish]), [1]);
    }
}
