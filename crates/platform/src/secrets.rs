//! The master key and the keys derived from it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Error, Internal, Result, random};

/// 32 random bytes, stored in a file that only its owner can read.
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Generates a key.
    ///
    /// # Errors
    /// [`Internal::Random`].
    pub fn generate() -> Result<Self> {
        Ok(Self(random::bytes()?))
    }

    /// Parses a key of 64 hex digits; ignores surrounding white space. `None` if the text is not valid.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Returns the key as 64 hex digits.
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

/// Signs picture links. An answer may hold hundreds of links, so the key schedule is computed once.
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    pub fn new(key: &MasterKey) -> Self {
        Self(keyed(&key.derive("picture links")))
    }

    /// Returns the signature of a text: 32 hex digits.
    pub fn sign(&self, text: &str) -> String {
        let mac: [u8; 32] = self.0.clone().chain_update(text.as_bytes()).finalize().into_bytes().into();
        hex::encode(&mac[..16])
    }

    /// Verifies the signature of a text in constant time.
    pub fn verify(&self, text: &str, signature: &str) -> bool {
        bool::from(self.sign(text).as_bytes().ct_eq(signature.as_bytes()))
    }
}

/// Encrypts secrets that must be readable again (XChaCha20-Poly1305, with a random nonce before each ciphertext).
pub(crate) struct Vault(XChaCha20Poly1305);

const NONCE: usize = 24;

impl Vault {
    pub fn new(key: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new(&key.derive("sealed secrets").into()))
    }

    /// Encrypts a secret; it can only be decrypted for the same owner.
    pub fn seal(&self, owner: &str, secret: &str) -> Result<Vec<u8>> {
        let nonce = random::bytes::<NONCE>()?;
        let payload = Payload { msg: secret.as_bytes(), aad: owner.as_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::Internal(Internal::Sealed))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// # Errors
    /// [`Internal::Sealed`] if the secret was sealed with another key or for another owner, or was changed since.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<String> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Internal::Sealed)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        let secret = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Error::Internal(Internal::Sealed))?;
        String::from_utf8(secret).map_err(|_| Error::Internal(Internal::Sealed))
    }
}

/// SHA-256 of a token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Compares two hashes in constant time.
    pub fn is(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }

    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl From<[u8; 32]> for TokenHash {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

/// Generates a token of an app: 16 random bytes in base64, the form that the manual shows. Repeats until the token has
/// no character with a special meaning in an address.
pub(crate) fn new_app_token() -> Result<String> {
    loop {
        let token = BASE64.encode(random::bytes::<16>()?);
        if !token.contains(['+', '/']) {
            return Ok(token);
        }
    }
}

/// Generates a token: 16 random bytes as 32 hex digits.
///
/// # Errors
/// [`Internal::Random`].
pub fn new_token() -> Result<String> {
    random::random_hex32()
}

/// Generates a text of `length` characters drawn uniformly from `alphabet`, which has at most 256.
pub(crate) fn random_text(alphabet: &[u8], length: usize) -> Result<String> {
    // Rejects bytes that would favour the first characters.
    let fair = 256 - 256 % alphabet.len().clamp(1, 256);
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let bytes = random::bytes::<64>()?;
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        let drawn = drawn.filter_map(|byte| alphabet.get(byte % alphabet.len().max(1)));
        text.extend(drawn.take(length - text.len()).map(|byte| char::from(*byte)));
    }
    Ok(text)
}

fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    keyed(key).chain_update(message).finalize().into_bytes().into()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104 pads a key shorter than the block with zeros.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::<Sha256>::new(&block.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_the_standard() {
        // The key of RFC 4231 test case 2 is shorter than ours. HMAC pads keys with zeros to the block, so a 32-byte
        // key with trailing zeros equals its short form.
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
    fn what_is_sealed_opens_with_its_key_for_its_owner() {
        let vault = Vault::new(&MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits"));
        let sealed = vault.seal("shop", "DU/mHOzoR4it4ljQFugDcA==").expect("random");
        assert!(!String::from_utf8_lossy(&sealed).contains("DU/m"));
        assert_eq!(vault.open("shop", &sealed).expect("it opens"), "DU/mHOzoR4it4ljQFugDcA==");
        assert!(vault.open("other", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("shop", &changed).is_err(), "byte {at}");
        }
        assert!(vault.open("shop", &sealed[..20]).is_err());
        let other = Vault::new(&MasterKey::from_hex(&"ac".repeat(32)).expect("64 digits"));
        assert!(other.open("shop", &sealed).is_err());
        for _ in 0..200 {
            let token = new_app_token().expect("random");
            assert!(token.len() == 24 && !token.contains(['+', '/']), "{token}");
        }
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
