//! From claims to one honest answer: which walls hold around code, how strong they are together, and whether code may run.
//!
//! The guest answers for what it verified around itself, a context's driver for what it verified on itself, the backend
//! for what only the host sees. Looking at a kernel is theirs; this file only combines.

use crate::Error;
use protocol::{Isolation, Level, Require, Strength, Wall};

/// What only the backend can know.
const BACKENDS: [Wall; 2] = [Wall::Cgroup, Wall::OwnUid];
/// What each process has for itself, so that a context must show it too.
const OWN: [Wall; 3] = [Wall::Seccomp, Wall::NoNewPrivs, Wall::CapsDropped];
/// Without these no code runs. Where there is no user namespace, a kernel user of its own has to do.
const NEEDED: [Wall; 6] =
    [Wall::MountNs, Wall::PidNs, Wall::NetNs, Wall::Seccomp, Wall::NoNewPrivs, Wall::CapsDropped];
/// What may be missing where isolation is still called standard.
const SPARE: [Wall; 2] = [Wall::OwnUid, Wall::Landlock];

/// What a context's driver verified on itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside<'a> {
    pub walls: &'a [Wall],
    /// A child of the guest has inherited the guest's walls; a fork of a zygote has not.
    pub inherits: bool,
}

/// Combines the claims of backend, guest and context.
pub(crate) fn combine(backend: &Isolation, guest: &[Wall], inside: Option<Inside<'_>>) -> Isolation {
    let shown = |wall: &Wall| match inside {
        None => true,
        Some(inside) if inside.inherits && inside.walls.is_empty() => true,
        Some(inside) => inside.walls.contains(wall),
    };
    let holds = |wall: &Wall| match wall {
        wall if BACKENDS.contains(wall) => backend.walls.contains(wall),
        // A kernel of its own is itself behind walls, which only the host sees.
        wall if backend.level != Level::SharedKernel && backend.walls.contains(wall) => true,
        wall if OWN.contains(wall) => guest.contains(wall) && shown(wall),
        wall => guest.contains(wall),
    };
    let (walls, missing): (Vec<Wall>, Vec<Wall>) = Wall::ALL.into_iter().partition(holds);
    let strength = strength(backend, &missing);
    Isolation { backend: backend.backend.clone(), level: backend.level, strength, walls, missing }
}

fn strength(backend: &Isolation, missing: &[Wall]) -> Strength {
    if backend.level != Level::SharedKernel {
        return backend.strength;
    }
    match missing {
        [] => Strength::Full,
        missing if missing.iter().all(|wall| SPARE.contains(wall)) => Strength::Standard,
        _ => Strength::Weak,
    }
}

/// Refuses isolation in which no code may run, or less than was required.
pub(crate) fn check(isolation: &Isolation, require: Option<Require>) -> Result<(), Error> {
    let own_user = isolation.walls.contains(&Wall::OwnUid);
    let needed = |wall: &Wall| NEEDED.contains(wall) || *wall == Wall::UserNs && !own_user;
    let missing: Vec<Wall> = isolation.missing.iter().copied().filter(needed).collect();
    if isolation.level == Level::SharedKernel && !missing.is_empty() {
        return Err(Error::WallsDown { missing });
    }
    match require {
        Some(require) if !isolation.meets(require) => {
            let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let level = serde_json::to_value(isolation.level).map(word).unwrap_or_default();
            let strength = serde_json::to_value(isolation.strength).map(word).unwrap_or_default();
            let got = format!("{level}, {strength}");
            Err(Error::BelowRequired { require, got, missing: isolation.missing.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(gone: &[Wall]) -> Vec<Wall> {
        Wall::ALL.into_iter().filter(|wall| !gone.contains(wall)).collect()
    }

    fn backend(walls: &[Wall]) -> Isolation {
        let (level, strength) = (Level::SharedKernel, Strength::Full);
        Isolation { backend: "x".into(), level, strength, walls: walls.to_vec(), missing: vec![] }
    }

    #[test]
    fn strength_follows_from_what_is_missing() {
        use Wall::*;
        let rows: [(&[Wall], Strength, bool); 9] = [
            (&[], Strength::Full, true),
            (&[OwnUid], Strength::Standard, true),
            (&[Landlock, OwnUid], Strength::Standard, true),
            (&[Cgroup], Strength::Weak, true),
            (&[IpcNs], Strength::Weak, true),
            (&[Seccomp], Strength::Weak, false),
            (&[UserNs], Strength::Weak, true),
            (&[UserNs, OwnUid], Strength::Weak, false),
            (&[NetNs], Strength::Weak, false),
        ];
        for (gone, strength, runs) in rows {
            let isolation = combine(&backend(&without(gone)), &without(gone), None);
            assert_eq!((isolation.strength, isolation.missing.len()), (strength, gone.len()), "{gone:?}");
            assert_eq!(check(&isolation, None).is_ok(), runs, "{gone:?}");
        }
    }

    #[test]
    fn nobody_answers_for_walls_that_it_cannot_see() {
        let boasting = combine(&backend(&Wall::ALL), &[], None);
        assert_eq!(boasting.walls, BACKENDS);
        let boasting = combine(&backend(&[]), &Wall::ALL, None);
        assert_eq!(boasting.missing, BACKENDS);
    }

    #[test]
    fn a_context_shows_its_own_walls() {
        let all = backend(&Wall::ALL);
        let ask = |walls, inherits| combine(&all, &Wall::ALL, Some(Inside { walls, inherits })).missing;
        assert_eq!(ask(&OWN, false), []);
        assert_eq!(ask(&[], true), []);
        assert_eq!(ask(&[], false), OWN);
        assert_eq!(ask(&[Wall::Seccomp], true), [Wall::NoNewPrivs, Wall::CapsDropped]);
    }

    #[test]
    fn require_compares_level_or_strength() {
        let standard = combine(&backend(&[Wall::Cgroup]), &Wall::ALL, None);
        for (word, holds) in [("weak", true), ("standard", true), ("full", false), ("vm", false)] {
            assert_eq!(check(&standard, Some(word.parse().unwrap())).is_ok(), holds, "{word}");
        }
    }
}
