//! Any text as Bash.
#![no_main]

libfuzzer_sys::fuzz_target!(|code: &str| fuzz::hold(protocol::Language::Bash, code));
