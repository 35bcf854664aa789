//! Writes the page on the command line to standard output, for `cargo xtask docs`.

#![allow(clippy::print_stdout, reason = "that is all it does")]

fn main() {
    print!("{}", clasp_relay::reference::page());
}
