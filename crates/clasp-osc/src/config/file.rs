//! The file of `--osc-config`: TOML, every mistake told with its line.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::{Destination, Late};
use crate::limits::{PATTERN_BYTES_MAX, SUBSCRIPTIONS_MAX};
use crate::namespace::Namespace;
use crate::pattern::{OscPattern, Stars};
use crate::value::{Floats, Format};

/// Largest file.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Time in which a client does not hear of its own writes.
const LOOP_GUARD: Duration = Duration::from_millis(200);

/// What the file of `--osc-config` says.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Bundles whose time is over.
    pub late: Late,
    /// How values are written where a client says nothing else.
    pub format: Format,
    /// Least pause between two rounds of packets to a client; `None` sends at once.
    pub pause: Option<Duration>,
    /// Time in which a client does not hear of its own writes.
    pub loop_guard: Duration,
    /// Whether a client is never sent the value that it has.
    pub only_changes: bool,
    /// Those who are told without asking.
    pub destinations: Vec<Destination>,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            late: Late::default(),
            format: Format::default(),
            pause: None,
            loop_guard: LOOP_GUARD,
            only_changes: false,
            destinations: Vec::new(),
        }
    }
}

/// The file cannot be read or used: file, line, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Tuning {
    /// Reads the file; `namespace` is what addresses of destinations lose if they do not say
    /// otherwise.
    ///
    /// # Errors
    /// The file cannot be had, is no TOML, or says something that makes no sense.
    pub fn read(path: &Path, namespace: &Namespace) -> Result<Tuning, ConfigError> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("{shown}: cannot read it: {error}")))?;
        if text.len() > FILE_BYTES_MAX {
            return Err(ConfigError(format!("{shown}: it is larger than {FILE_BYTES_MAX} bytes")));
        }
        parse(&text, namespace).map_err(|(place, what)| {
            let line = text[..place.start.min(text.len())].matches('\n').count() + 1;
            ConfigError(format!("{shown}:{line}: {what}"))
        })
    }
}

type Mistake = (Range<usize>, String);

fn parse(text: &str, namespace: &Namespace) -> Result<Tuning, Mistake> {
    let file: File = toml::from_str(text).map_err(|error| {
        let words: Vec<&str> = error.message().split_whitespace().collect();
        (error.span().unwrap_or_default(), words.join(" "))
    })?;
    let format = file.format.apply(Format::default());
    let mut destinations = Vec::new();
    for table in file.destination {
        destinations.push(table.destination(format, namespace)?);
    }
    Ok(Tuning {
        late: if file.late == Some(LateWord::Discard) { Late::Discard } else { Late::Execute },
        format,
        pause: file.rate.as_ref().map(pause).transpose()?.flatten(),
        loop_guard: file.loop_guard_ms.map_or(LOOP_GUARD, Duration::from_millis),
        only_changes: file.only_changes,
        destinations,
    })
}

/// Rounds per second as the pause between two; 0 is no pause.
fn pause(rate: &Spanned<u32>) -> Result<Option<Duration>, Mistake> {
    match *rate.get_ref() {
        0 => Ok(None),
        rounds @ 1..=1_000 => Ok(Some(Duration::from_secs(1) / rounds)),
        _ => Err((rate.span(), "rate: expected 0 to 1000 rounds per second".into())),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    late: Option<LateWord>,
    rate: Option<Spanned<u32>>,
    loop_guard_ms: Option<u64>,
    only_changes: bool,
    format: FormatTable,
    destination: Vec<DestinationTable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LateWord {
    Execute,
    Discard,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FormatTable {
    floats: Option<Floats>,
    ints_as_floats: Option<bool>,
    colors: Option<bool>,
    bundles: Option<bool>,
}

impl FormatTable {
    fn apply(&self, usual: Format) -> Format {
        Format {
            floats: self.floats.unwrap_or(usual.floats),
            ints_as_floats: self.ints_as_floats.unwrap_or(usual.ints_as_floats),
            colors: self.colors.unwrap_or(usual.colors),
            single_messages: self.bundles.map_or(usual.single_messages, |bundles| !bundles),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DestinationTable {
    addr: Spanned<String>,
    patterns: Spanned<Vec<Spanned<String>>>,
    strip_prefix: Option<Spanned<String>>,
    rate: Option<Spanned<u32>>,
    bundle: Option<bool>,
    #[serde(default)]
    format: FormatTable,
}

impl DestinationTable {
    fn destination(self, usual: Format, namespace: &Namespace) -> Result<Destination, Mistake> {
        let address: SocketAddr = self.addr.get_ref().parse().map_err(|_| {
            let what = "addr: expected an IP address and a port, such as 192.168.1.50:9000";
            (self.addr.span(), what.to_owned())
        })?;
        if address.port() == 0 {
            return Err((self.addr.span(), "addr: nothing listens on port 0".into()));
        }
        let place = self.patterns.span();
        let patterns = self.patterns.into_inner();
        if patterns.is_empty() || patterns.len() > SUBSCRIPTIONS_MAX {
            let what = format!("patterns: expected 1 to {SUBSCRIPTIONS_MAX} of them");
            return Err((place, what));
        }
        for pattern in &patterns {
            let parsed = OscPattern::parse(pattern.get_ref(), Stars::AnyParts);
            parsed.map_err(|what| {
                let advice = format!("at most {PATTERN_BYTES_MAX} bytes, such as /lights/**");
                (pattern.span(), format!("patterns: {what}; expected {advice}"))
            })?;
        }
        let strip = match self.strip_prefix {
            None => namespace.clone(),
            Some(prefix) => prefix
                .get_ref()
                .parse()
                .map_err(|what| (prefix.span(), format!("strip_prefix: {what}")))?,
        };
        let mut format = self.format.apply(usual);
        if let Some(bundle) = self.bundle {
            format.single_messages = !bundle;
        }
        let pause = self.rate.as_ref().map(pause).transpose()?.flatten();
        let patterns = patterns.into_iter().map(Spanned::into_inner).collect();
        Ok(Destination { address, patterns, strip, pause, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Tuning {
        parse(text, &"/osc".parse().unwrap()).unwrap()
    }

    /// Line and text of a mistake.
    fn mistake(text: &str) -> (usize, String) {
        let (place, what) = parse(text, &"/osc".parse().unwrap()).unwrap_err();
        (text[..place.start].matches('\n').count() + 1, what)
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(format!("{:?}", parsed("")), format!("{:?}", Tuning::default()));
    }

    #[test]
    fn everything_can_be_said() {
        let tuning = parsed(
            r#"
            late = "discard"
            rate = 50
            loop_guard_ms = 0
            only_changes = true
            [format]
            floats = "exact"
            colors = true
            [[destination]]
            addr = "192.0.2.7:9000"
            patterns = ["/lights/**", "/osc/*"]
            [[destination]]
            addr = "[::1]:9001"
            patterns = ["/show/?"]
            strip_prefix = "/show"
            rate = 25
            bundle = false
            format.ints_as_floats = true
            "#,
        );
        assert_eq!((tuning.late, tuning.only_changes), (Late::Discard, true));
        assert_eq!(tuning.pause, Some(Duration::from_millis(20)));
        assert_eq!(tuning.loop_guard, Duration::ZERO);
        let [first, second] = &tuning.destinations[..] else { panic!("two destinations") };
        assert_eq!((first.strip.as_str(), first.pause), ("/osc", None));
        assert!(first.format.colors && !first.format.single_messages);
        assert_eq!((second.strip.as_str(), second.address.port()), ("/show", 9001));
        assert_eq!(second.pause, Some(Duration::from_millis(40)));
        let format = second.format;
        assert!(format.ints_as_floats && format.single_messages && format.floats == Floats::Exact);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let destination = "[[destination]]\naddr = \"192.0.2.7:9000\"\n";
        for (text, line, part) in [
            ("late = \"sometimes\"", 1, "execute"),
            ("\nspeed = 1", 2, "unknown field `speed`"),
            ("rate = 2000", 1, "0 to 1000"),
            ("[[destination]]\naddr = \"desk:9000\"\npatterns = [\"/a\"]", 2, "192.168.1.50:9000"),
            (destination, 1, "missing field `patterns`"),
            (&format!("{destination}patterns = []"), 3, "1 to 64"),
            (&format!("{destination}patterns = [\"/a\",\n\"a\"]"), 4, "starts with '/'"),
            (&format!("{destination}patterns = [\"/a\"]\nstrip_prefix = \"a\""), 4, "strip_prefix"),
            ("late =", 1, ""),
        ] {
            let (at, what) = mistake(text);
            assert!(at == line && what.contains(part), "{text}: {at}: {what}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Tuning::read(Path::new("/nowhere/osc.toml"), &Namespace::default());
        assert!(error.unwrap_err().to_string().starts_with("/nowhere/osc.toml: cannot read it"));
    }
}
