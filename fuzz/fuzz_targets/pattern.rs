//! See `clasp_fuzz::pattern`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::pattern::check(data));
