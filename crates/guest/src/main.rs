//! The program inside every sandbox (`init`, in a container `contain`) and the one that outlives it on the host (`keeper`).

use std::process::ExitCode;

fn main() -> ExitCode {
    let word = std::env::args().nth(1);
    match word.as_deref() {
        Some("init") => match guest::init() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("belljar-guest: cannot {error}");
                ExitCode::FAILURE
            }
        },
        Some("contain") => jail::container::main(),
        Some("keeper") => jail::keeper::main(),
        _ => {
            eprintln!("usage: belljar-guest init | contain | keeper");
            ExitCode::from(2)
        }
    }
}
