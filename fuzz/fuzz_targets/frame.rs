//! See `clasp_fuzz::frame`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::frame::check(data));
