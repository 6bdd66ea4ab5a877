//! Random texts.

use crate::{Error, Internal, Result};

/// Returns 32 random lower-case hex digits.
pub(crate) fn random_hex32() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::Internal(Internal::Random(e)))?;
    Ok(hex::encode(bytes))
}
