//! See `clasp_fuzz::mqtt`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::mqtt::check(data));
