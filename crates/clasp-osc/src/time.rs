//! Time tags: seconds since 1900 in 32.32 fixed point, and microseconds since 1970 (spec:
//! adapters.md 2.4.1).

/// Seconds from 1900 to 1970.
const UNIX_OFFSET_S: i128 = 2_208_988_800;

/// A moment as OSC writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeTag(pub u64);

impl TimeTag {
    /// Stands for "at once".
    pub const IMMEDIATE: TimeTag = TimeTag(1);

    /// Microseconds since 1970-01-01 UTC; negative before that.
    pub fn unix_us(self) -> i64 {
        let us = (i128::from(self.0) * 1_000_000 + (1 << 31)) >> 32;
        i64::try_from(us - UNIX_OFFSET_S * 1_000_000).expect("136 years are far fewer microseconds")
    }

    /// The nearest tag to a moment in microseconds since 1970-01-01 UTC; the last one for moments
    /// after 2036.
    pub fn from_unix_us(unix_us: u64) -> TimeTag {
        let us = i128::from(unix_us) + UNIX_OFFSET_S * 1_000_000;
        TimeTag(u64::try_from(((us << 32) + 500_000) / 1_000_000).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_microseconds_agree() {
        assert_eq!(TimeTag(2_208_988_800 << 32).unix_us(), 0);
        assert_eq!(TimeTag((2_208_988_801 << 32) | (1 << 31)).unix_us(), 1_500_000);
        assert_eq!(TimeTag(0).unix_us(), -2_208_988_800_000_000);
        for unix_us in [0, 1, 999_999, 1_750_000_000_123_457, 2_085_978_495_999_999] {
            assert_eq!(TimeTag::from_unix_us(unix_us).unix_us(), unix_us as i64);
        }
        assert_eq!(TimeTag::from_unix_us(u64::MAX), TimeTag(u64::MAX));
    }
}
