//! The executable: parse, log, build, run, exit code.

use std::pin::pin;
use std::process::ExitCode;

use clasp_relay::inherited::Inherited;
use clasp_relay::{Options, Relay, cli, logging, maintenance, shutdown::Signals};
use tokio::runtime;

fn main() -> ExitCode {
    let mut options = match cli::parse() {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Some(command) = &options.command {
        return maintenance::run(command, &options);
    }
    logging::install(&options.logging);
    match Inherited::from_environment() {
        Ok(inherited) => options.listen.inherited = inherited,
        Err(reason) => {
            logging::report(&reason);
            logging::finish();
            return ExitCode::FAILURE;
        }
    }
    let code = serve(options);
    logging::finish();
    code
}

fn serve(options: Options) -> ExitCode {
    let runtime = match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            logging::report(&format!("cannot start the asynchronous runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(relay(options));
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::report(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn relay(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut stop = pin!(Signals::listen()?.stop());
    let relay = tokio::select! {
        relay = Relay::build(&options) => relay?,
        // Recovery may take a while, and only reads.
        _ = &mut stop => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    relay.run(stop).await?;
    Ok(())
}
