//! See `clasp_fuzz::capability_token`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::capability_token::check(data));
