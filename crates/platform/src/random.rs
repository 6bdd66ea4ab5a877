//! Random bytes and texts.

use crate::{Internal, Result};

/// Returns random bytes of the operating system.
///
/// # Errors
/// [`Internal::Random`].
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Internal::Random)?;
    Ok(bytes)
}

/// Returns 32 random lower-case hex digits.
///
/// # Errors
/// [`Internal::Random`].
pub(crate) fn random_hex32() -> Result<String> {
    Ok(hex::encode(bytes::<16>()?))
}
