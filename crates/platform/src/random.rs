//! Random texts.

use crate::{Error, Result};

/// Returns 32 random lower-case hex digits.
pub(crate) fn random_hex32() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(hex::encode(bytes))
}
