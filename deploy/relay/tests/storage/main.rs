//! Tests of what outlives the executable: real processes, real files, real kills.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "tests tell figures and what they cannot check")]

mod alone;
mod backup;
#[allow(dead_code, reason = "shared with the benchmark")]
mod client;
#[allow(dead_code, reason = "shared with the benchmark")]
mod counter;
mod crash;
mod damage;
mod disk;
mod folder;
#[path = "../blackbox/http.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod http;
mod interrupted;
mod journal;
mod load;
mod options;
mod random;
mod replay;
mod restart;
mod rolling;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
mod writer;
