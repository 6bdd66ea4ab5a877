//! The master key and what is derived from it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Error, Result};

/// 32 random bytes that an installation keeps in a file only its owner can read.
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// A new key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(Error::Random)?;
        Ok(Self(bytes))
    }

    /// A key from its 64 hex digits; white space around them is allowed. `None` if it is not that.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The 64 hex digits to keep.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    fn derive(&self, purpose: &str) -> [u8; 32] {
        mac(&self.0, purpose.as_bytes())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// Signs picture links.
pub(crate) struct Signer([u8; 32]);

impl Signer {
    pub fn new(key: &MasterKey) -> Self {
        Self(key.derive("picture links"))
    }

    /// 32 hex digits that vouch for a text.
    pub fn sign(&self, text: &str) -> String {
        hex::encode(&mac(&self.0, text.as_bytes())[..16])
    }

    /// Whether a signature vouches for a text; takes as long whichever digit is wrong.
    pub fn verify(&self, text: &str, signature: &str) -> bool {
        bool::from(self.sign(text).as_bytes().ct_eq(signature.as_bytes()))
    }
}

/// What is kept of a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether this is the hash of the token; takes as long whichever byte differs.
    pub fn is_of(&self, token: &str) -> bool {
        bool::from(self.0.ct_eq(&Self::of(token).0))
    }
}

/// A new token: 16 random bytes as 32 hex digits.
///
/// # Errors
/// [`Error::Random`].
pub fn new_token() -> Result<String> {
    crate::ids::random_hex32()
}

fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // A key shorter than the block is padded with zeros by definition (RFC 2104).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_the_standard() {
        // RFC 4231 test case 2 has a key shorter than ours, so case 3's construction is checked through a padded key:
        // HMAC pads keys with zeros to the block, hence a 32-byte key with trailing zeros equals its short form.
        let mut key = [0u8; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hex::encode(mac(&key, b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn signatures_bind_the_text_and_the_key() {
        let key = MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits");
        let signer = Signer::new(&key);
        let signature = signer.sign("/person/1.png");
        assert!(signer.verify("/person/1.png", &signature));
        assert!(!signer.verify("/person/2.png", &signature));
        assert!(!signer.verify("/person/1.png", &signature[1..]));
        let other = Signer::new(&MasterKey::from_hex(&"ac".repeat(32)).expect("64 digits"));
        assert!(!other.verify("/person/1.png", &signature));
    }

    #[test]
    fn keys_survive_their_file_and_stay_out_of_logs() {
        let key = MasterKey::generate().expect("random");
        let again = MasterKey::from_hex(&format!("{}\n", key.to_hex())).expect("64 digits");
        assert_eq!(again.to_hex(), key.to_hex());
        assert_eq!(format!("{key:?}"), "MasterKey(..)");
        assert!(MasterKey::from_hex("abc").is_none());
    }
}
