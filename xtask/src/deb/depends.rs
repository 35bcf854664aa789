//! Which packages the executable needs, read from itself.

use std::path::Path;

use crate::shell::{self, Outcome, command};

/// Shared libraries and the packages that have them.
const PACKAGES: &[(&str, &str)] = &[
    ("libc.so", "libc6"),
    ("libm.so", "libc6"),
    ("ld-linux", "libc6"),
    ("libgcc_s.so", "libgcc-s1"),
];

/// The packages with the versions that the executable's symbols ask for; none if it is static.
///
/// # Errors
/// It cannot be read, or needs a library that is not expected of it.
pub(super) fn of(executable: &Path) -> Outcome<Vec<String>> {
    let headers = shell::output(command("objdump", ["-p"]).arg(executable))?;
    packages(&headers)
}

fn packages(headers: &str) -> Outcome<Vec<String>> {
    let mut needs_libgcc = false;
    let mut needs_libc = false;
    for library in headers.lines().filter_map(|line| line.trim().strip_prefix("NEEDED")) {
        let library = library.trim();
        let package = PACKAGES.iter().find(|(name, _)| library.starts_with(name));
        let (_, package) = package.ok_or_else(|| {
            format!("the executable needs {library}; name its package in xtask/src/deb/depends.rs")
        })?;
        needs_libgcc |= *package == "libgcc-s1";
        needs_libc |= *package == "libc6";
    }
    let mut packages = Vec::new();
    if needs_libc {
        let version =
            newest(headers, "GLIBC_").ok_or("the executable asks for no GLIBC version")?;
        packages.push(format!("libc6 (>= {}.{})", version.0, version.1));
    }
    if needs_libgcc {
        let version = newest(headers, "GCC_").ok_or("the executable asks for no GCC version")?;
        packages.push(format!("libgcc-s1 (>= {}.{})", version.0, version.1));
    }
    Ok(packages)
}

/// The highest version among the symbols' versions that begin with `prefix`.
fn newest(headers: &str, prefix: &str) -> Option<(u32, u32)> {
    let versions = headers.split_whitespace().filter_map(|word| {
        let mut numbers = word.strip_prefix(prefix)?.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbol_decides() {
        let headers = "  NEEDED   libgcc_s.so.1\n  NEEDED   libc.so.6\n\
                       required from libc.so.6:\n 0x0 03 GLIBC_2.2.5\n 0x0 02 GLIBC_2.34\n\
                       0x0 0x00 04 GLIBC_2.4\nrequired from libgcc_s.so.1:\n 0x0 0x00 GCC_4.2.0";
        assert_eq!(packages(headers).unwrap(), ["libc6 (>= 2.34)", "libgcc-s1 (>= 4.2)"]);
    }

    #[test]
    fn a_static_executable_needs_nothing() {
        assert!(packages("Program Header:\n LOAD off 0x0").unwrap().is_empty());
    }

    #[test]
    fn an_unexpected_library_is_named() {
        let reason = packages("  NEEDED   libssl.so.3").unwrap_err();
        assert!(reason.contains("libssl.so.3"), "{reason}");
    }
}
