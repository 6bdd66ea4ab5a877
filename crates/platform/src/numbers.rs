//! Conversions of numbers.

/// A count as the store takes it; what is larger than that is as large as it can be.
pub(crate) fn clip(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
