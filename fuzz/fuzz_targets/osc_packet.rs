//! See `clasp_fuzz::osc_packet`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| clasp_fuzz::osc_packet::check(data));
