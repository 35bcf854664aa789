//! Says what the relay makes of tokens: takes the relay's options, reads one token a line, writes
//! `accepted SUBJECT SCOPES` or `refused: REASON` for each.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::SystemTime;

use clap::Parser as _;
use clasp_auth::{Authenticator as _, Chain, Grant};
use clasp_relay::{Options, Tokens};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::try_parse().unwrap_or_else(|mistake| mistake.exit());
    let data_dir = options.storage.data_dir.as_deref();
    let runtime = tokio::runtime::Runtime::new()?;
    let tokens = runtime.block_on(Tokens::open(&options.tokens, data_dir))?;
    let chain = Chain::new(tokens.verifiers(), None);
    for token in io::stdin().lock().lines() {
        let now = SystemTime::UNIX_EPOCH.elapsed()?.as_micros();
        let verdict = match chain.authenticate(Some(token?.trim()), u64::try_from(now)?) {
            Ok(grant) => accepted(&grant),
            Err(denied) => format!("refused: {denied}"),
        };
        writeln!(io::stdout(), "{verdict}")?;
    }
    Ok(())
}

fn accepted(grant: &Grant) -> String {
    let scopes = grant.scopes.iter().flat_map(|scopes| scopes.iter());
    let scopes: Vec<String> = scopes.map(ToString::to_string).collect();
    format!("accepted {} {}", grant.subject.as_deref().unwrap_or("-"), scopes.join(","))
}
