//! The filter that looks at a call's number only, as a search tree.
//!
//! The kernel walks a filter through once for every number when it is installed, twice for each sandbox: a list of
//! comparisons costs a millisecond there, a tree next to nothing. Arguments are left to the other filters.

use super::{ALLOWED, DENIED, invalid};
use crate::Failed;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// Where the number and the architecture are in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// One instruction, as `struct sock_filter`: code, jump if true, jump if false, operand.
pub(super) type Instruction = (u16, u8, u8, u32);

/// What a call is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Allow,
    Denied,
    Unknown,
    Kill,
}

impl Answer {
    /// As a filter returns it.
    pub(super) fn code(self) -> u32 {
        match self {
            Answer::Allow => libc::SECCOMP_RET_ALLOW,
            Answer::Denied => libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
            Answer::Unknown => libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
            Answer::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

/// `AUDIT_ARCH_*` of this program's architecture.
fn architecture() -> Result<u32, Failed> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(0xC000_003E),
        "aarch64" => Ok(0xC000_00B7),
        "riscv64" => Ok(0xC000_00F3),
        _ => Err(invalid()),
    }
}

/// The filter: foreign architectures are killed, numbers of neither list unknown.
///
/// # Errors
/// An architecture that the table does not know, a number that no call has, or a tree too large to jump across.
pub(super) fn filter() -> Result<Vec<Instruction>, Failed> {
    let mut program = vec![
        (LOAD, 0, 0, ARCHITECTURE),
        (IF_EQUAL, 1, 0, architecture()?),
        (RETURN, 0, 0, Answer::Kill.code()),
        (LOAD, 0, 0, NUMBER),
    ];
    program.extend(tree(&ranges()?)?);
    Ok(program)
}

/// First numbers of ranges with one answer each; a range ends where the next begins.
fn ranges() -> Result<Vec<(u32, Answer)>, Failed> {
    let allowed = ALLOWED.iter().map(|(nr, _)| (*nr, Answer::Allow));
    let mut calls: Vec<(i64, Answer)> =
        allowed.chain(DENIED.iter().map(|(nr, _)| (*nr, Answer::Denied))).collect();
    calls.sort_unstable_by_key(|(nr, _)| *nr);
    let mut ranges = vec![(0, Answer::Unknown)];
    for (nr, answer) in calls {
        let nr = u32::try_from(nr).map_err(|_| invalid())?;
        begin(&mut ranges, nr, answer);
        begin(&mut ranges, nr.checked_add(1).ok_or_else(invalid)?, Answer::Unknown);
    }
    Ok(ranges)
}

/// Lets a range begin here, or the last one go on where it has the same answer.
fn begin(ranges: &mut Vec<(u32, Answer)>, first: u32, answer: Answer) {
    if ranges.last().is_some_and(|last| last.0 == first) {
        ranges.pop();
    }
    if ranges.last().is_none_or(|last| last.1 != answer) {
        ranges.push((first, answer));
    }
}

/// Halves the ranges until one is left.
fn tree(ranges: &[(u32, Answer)]) -> Result<Vec<Instruction>, Failed> {
    if let [(_, answer)] = ranges {
        return Ok(vec![(RETURN, 0, 0, answer.code())]);
    }
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let first = high.first().ok_or_else(invalid)?.0;
    let (low, high) = (tree(low)?, tree(high)?);
    let across = u8::try_from(low.len()).map_err(|_| invalid())?;
    Ok([vec![(IF_AT_LEAST, across, 0, first)], low, high].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter answers, by running it as the kernel does.
    fn answer(program: &[Instruction], number: u32, architecture: u32) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let (code, yes, no, operand) = program[at];
            at += 1;
            match code {
                RETURN => return operand,
                LOAD => value = if operand == NUMBER { number } else { architecture },
                IF_EQUAL => at += usize::from(if value == operand { yes } else { no }),
                IF_AT_LEAST => at += usize::from(if value >= operand { yes } else { no }),
                other => panic!("no such instruction: {other}"),
            }
        }
    }

    #[test]
    fn every_number_is_answered_as_the_table_says() {
        let (program, own) = (filter().unwrap(), architecture().unwrap());
        let is_in = |list: &[(i64, &str)], number: u32| list.iter().any(|(nr, _)| *nr == i64::from(number));
        // Also the numbers of the x32 table, negative ones, and everything just outside of the table.
        let numbers = (0..2048).chain(0x4000_0000..0x4000_0800).chain([u32::MAX, i32::MAX as u32, 1 << 31]);
        for number in numbers {
            let expected = match () {
                () if is_in(ALLOWED, number) => Answer::Allow,
                () if is_in(DENIED, number) => Answer::Denied,
                () => Answer::Unknown,
            };
            assert_eq!(answer(&program, number, own), expected.code(), "call {number}");
        }
    }

    #[test]
    fn foreign_architectures_are_killed() {
        let program = filter().unwrap();
        for foreign in [0x4000_0003, 0x4000_0028, 0, u32::MAX] {
            assert_eq!(answer(&program, libc::SYS_read as u32, foreign), Answer::Kill.code());
        }
    }
}
