//! See `clasp_fuzz::message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::message::check(data));
