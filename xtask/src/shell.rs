//! Running other programs: the command is shown, its output goes straight to the terminal.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a task ends in; the text says what failed and what to do.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask lies in the root folder").to_path_buf()
}

/// A program with arguments, started in the repository's root.
pub(crate) fn command<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Cargo with arguments in one text, split at spaces.
pub(crate) fn cargo(arguments: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo, arguments.split_whitespace());
    // What `cargo run` tells xtask about itself is not true of the commands it starts, and makes
    // them build anew what looks at it.
    let told = std::env::vars_os().map(|(name, _)| name);
    for name in told.filter(|name| is_about_xtask(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

fn is_about_xtask(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| variable.starts_with(prefix))
}

/// Shows and runs a command.
///
/// # Errors
/// It cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = spell(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` cannot be started: {error}")),
    }
}

/// Runs a command without showing it and returns its output.
///
/// # Errors
/// It cannot be started or does not exit with 0.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let line = spell(command);
    let output = command.output().map_err(|error| format!("`{line}`: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{line}` ended with {}: {}", output.status, said.trim()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` printed no UTF-8"))
}

/// Whether a command runs and exits with 0; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}

fn spell(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let reason = run(&mut command("sh", ["-c", "exit 3"])).unwrap_err();
        assert!(reason.contains("sh -c exit 3") && reason.contains('3'), "{reason}");
    }

    #[test]
    fn an_absent_program_is_named() {
        let reason = run(&mut command("no-such-program", ["--help"])).unwrap_err();
        assert!(reason.contains("no-such-program --help"), "{reason}");
        assert!(!succeeds(&mut command("no-such-program", ["--help"])));
    }

    #[test]
    fn output_is_returned() {
        assert_eq!(output(&mut command("echo", ["hello"])).unwrap(), "hello\n");
    }
}
