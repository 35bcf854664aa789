//! See `clasp_fuzz::rest`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::rest::check(data));
