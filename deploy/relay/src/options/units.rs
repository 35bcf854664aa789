//! Amounts with a unit, as people write them.

use std::str::FromStr;

/// A duration: `30d`, `12h`, `90m`, `45s` or seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub u64);

/// A size: `512M`, `2G`, `64K`, also as `512MiB`, or bytes. Units are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("", 1), ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];
        amount(text, &units).map(Self).ok_or("expected a duration such as 30d, 12h, 90m or 45s")
    }
}

impl FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let units = [("", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40)];
        let lower = text.to_ascii_lowercase();
        let bare = ["ib", "b"].iter().find_map(|unit| lower.strip_suffix(unit)).unwrap_or(&lower);
        amount(bare, &units)
            .map(Self)
            .ok_or("expected a size such as 512M, 2G or a number of bytes")
    }
}

/// A whole number and its unit, multiplied; none if either is wrong or the product is too great.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let seconds = |text: &str| text.parse::<Seconds>().ok().map(|seconds| seconds.0);
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("2h"), Some(7_200));
        assert_eq!(seconds("30d"), Some(2_592_000));
        for wrong in ["", "h", "-1", "1.5h", "1 h", "1y", "99999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units() {
        let bytes = |text: &str| text.parse::<Bytes>().ok().map(|bytes| bytes.0);
        assert_eq!(bytes("0"), Some(0));
        assert_eq!(bytes("64k"), Some(65_536));
        assert_eq!(bytes("2G"), Some(2_147_483_648));
        assert_eq!(bytes("2GiB"), bytes("2gb"));
        for wrong in ["", "G", "-1", "1.5G", "1 G", "1x", "99999999999T"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
