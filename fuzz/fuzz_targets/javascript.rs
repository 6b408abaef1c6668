//! Any text as Javascript.
#![no_main]

libfuzzer_sys::fuzz_target!(|code: &str| fuzz::hold(protocol::Language::Javascript, code));
