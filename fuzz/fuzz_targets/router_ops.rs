//! See `clasp_fuzz::router_ops`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::router_ops::check(data));
