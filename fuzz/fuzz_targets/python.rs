//! Any text as Python.
#![no_main]

libfuzzer_sys::fuzz_target!(|code: &str| fuzz::hold(protocol::Language::Python, code));
