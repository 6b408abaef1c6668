//! How a process ended, as an outcome: what a journal keeps of it. Its output is whoever's who followed it.

use crate::{
    Process, ProcessEnd,
    execution::bare,
    outcome::{self, Facts, Finish},
};
use protocol::{Language, Outcome, guest::End};

impl Process {
    /// The outcome of this process with that end, without its output and without what it used.
    pub fn outcome(&self, end: &ProcessEnd) -> Outcome {
        let finish = match end {
            ProcessEnd::Exited(exit) => Finish::Ended(End::Exited(*exit)),
            ProcessEnd::OutOfMemory => Finish::Ended(End::OutOfMemory),
            ProcessEnd::TooManyProcesses => Finish::Ended(End::TooManyProcesses),
            ProcessEnd::Lost(why) => Finish::Lost(why.clone()),
        };
        let verdict = outcome::judge(Facts {
            finish,
            stop: None,
            raised: None,
            oom: false,
            memory_bytes: self.sandbox().limits().memory_bytes,
            language: Language::Bash,
            one_shot: false,
            command: true,
            failure: None,
        });
        let sandbox = Some(self.sandbox().id().clone());
        let isolation = Some(self.sandbox().isolation());
        Outcome { sandbox, isolation, ..bare(self.id().clone(), Language::Bash, verdict) }
    }
}
