//! The master keys and the keys derived from them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Internal, Result, random};

/// 32 random bytes, stored in a file that only its owner can read.
#[derive(Clone, PartialEq, Eq)]
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

    /// Returns a name of the key that does not reveal it: 8 hex digits.
    pub fn id(&self) -> String {
        hex::encode(&self.derive("id")[..4])
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

/// Master keys: the current one, then earlier ones, which still open secrets and verify links.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MasterKeys {
    current: MasterKey,
    earlier: Vec<MasterKey>,
}

impl MasterKeys {
    /// Parses keys of 64 hex digits, separated by white space or commas, the current one first. A repeated key counts once.
    /// `None` if there is none, or one is not valid.
    pub fn parse(text: &str) -> Option<Self> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let mut keys: Vec<MasterKey> = Vec::new();
        for word in words {
            let key = MasterKey::from_hex(word)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut keys = keys.into_iter();
        Some(Self { current: keys.next()?, earlier: keys.collect() })
    }

    /// Returns the keys in the form of the file: a line each.
    pub fn to_lines(&self) -> String {
        self.iter().map(MasterKey::to_hex).collect::<Vec<_>>().join("\n")
    }

    /// Returns these keys and others that are not among them.
    pub fn with_others(&self, others: &Self) -> Self {
        let mut all = self.clone();
        all.earlier.extend(others.iter().filter(|key| !self.iter().any(|known| known == *key)).cloned());
        all
    }

    /// Returns the key that seals and signs.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Returns all keys, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.earlier)
    }

    /// Returns the earlier keys.
    pub(crate) fn earlier(&self) -> &[MasterKey] {
        &self.earlier
    }

    /// Returns these keys behind a new current one.
    pub(crate) fn behind(&self, current: MasterKey) -> Self {
        Self { current, earlier: self.iter().cloned().collect() }
    }

    /// Returns the current key alone.
    pub(crate) fn without_earlier(&self) -> Self {
        Self { current: self.current.clone(), earlier: Vec::new() }
    }
}

impl From<&MasterKey> for MasterKeys {
    fn from(key: &MasterKey) -> Self {
        Self { current: key.clone(), earlier: Vec::new() }
    }
}

/// What is derived from a master key. An answer may hold hundreds of signed links, so the key schedules are computed once.
struct Derived {
    id: String,
    signer: Hmac<Sha256>,
    cipher: XChaCha20Poly1305,
}

impl Derived {
    fn of(key: &MasterKey) -> Self {
        Self {
            id: key.id(),
            signer: keyed(&key.derive("picture links")),
            cipher: XChaCha20Poly1305::new(&key.derive("sealed secrets").into()),
        }
    }

    fn sign(&self, text: &str) -> String {
        let mac: [u8; 32] = self.signer.clone().chain_update(text.as_bytes()).finalize().into_bytes().into();
        hex::encode(&mac[..16])
    }

    fn open(&self, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    fn seal(&self, owner: &str, secret: &[u8]) -> Result<Vec<u8>> {
        let nonce = random::bytes::<NONCE>()?;
        let payload = Payload { msg: secret, aad: owner.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Internal::Sealed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }
}

/// The master keys in force.
struct Ring {
    keys: MasterKeys,
    current: Derived,
    earlier: Vec<Derived>,
}

impl Ring {
    fn of(keys: MasterKeys) -> Self {
        let (current, earlier) = (Derived::of(&keys.current), keys.earlier.iter().map(Derived::of).collect());
        Self { keys, current, earlier }
    }

    fn all(&self) -> impl Iterator<Item = &Derived> {
        std::iter::once(&self.current).chain(&self.earlier)
    }
}

/// Signs links, and encrypts secrets that must be readable again (XChaCha20-Poly1305, with a random nonce before each
/// ciphertext). Clones share the keys, which may be replaced.
///
/// Secrets are sealed in the transaction that stores them. The writer runs transactions in turn, so once a key was replaced, no
/// later transaction stores what an earlier key sealed.
#[derive(Clone)]
pub(crate) struct Vault {
    ring: Arc<ArcSwap<Ring>>,
    /// Held while keys are replaced.
    changing: Arc<tokio::sync::Mutex<()>>,
}

const NONCE: usize = 24;

impl Vault {
    pub fn new(keys: impl Into<MasterKeys>) -> Self {
        Self { ring: Arc::new(ArcSwap::from_pointee(Ring::of(keys.into()))), changing: Arc::default() }
    }

    /// Returns the keys in force.
    pub fn keys(&self) -> MasterKeys {
        self.ring.load().keys.clone()
    }

    /// Puts other keys in force. The caller holds [`Vault::changing`].
    pub fn replace_keys(&self, keys: MasterKeys) {
        self.ring.store(Arc::new(Ring::of(keys)));
    }

    /// Returns the lock that whoever replaces keys holds.
    pub fn changing(&self) -> &Arc<tokio::sync::Mutex<()>> {
        &self.changing
    }

    /// Returns the signature of a text by the current key: 32 hex digits.
    pub fn sign(&self, text: &str) -> String {
        self.ring.load().current.sign(text)
    }

    /// Verifies the signature of a text by any of the keys, in constant time for each.
    pub fn is_signed(&self, text: &str, signature: &str) -> bool {
        self.ring.load().all().any(|key| bool::from(key.sign(text).as_bytes().ct_eq(signature.as_bytes())))
    }

    /// Encrypts a secret with the current key; it can only be decrypted for the same owner.
    pub fn seal(&self, owner: &str, secret: &str) -> Result<Vec<u8>> {
        self.seal_bytes(owner, secret.as_bytes())
    }

    /// Encrypts bytes as [`Vault::seal`] does a text.
    pub fn seal_bytes(&self, owner: &str, secret: &[u8]) -> Result<Vec<u8>> {
        self.ring.load().current.seal(owner, secret)
    }

    /// Decrypts a secret.
    ///
    /// # Errors
    /// [`Internal::Sealed`] if the secret was sealed with no key of ours or for another owner, or was changed since.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<String> {
        String::from_utf8(self.open_bytes(owner, sealed)?).map_err(|_| Internal::Sealed.into())
    }

    /// Decrypts bytes.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open_bytes(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let ring = self.ring.load();
        Ok(ring.all().find_map(|key| key.open(owner, sealed)).ok_or(Internal::Sealed)?)
    }

    /// Returns the id of the key with which a secret was sealed; `None` if no key opens it.
    pub fn key_of(&self, owner: &str, sealed: &[u8]) -> Option<String> {
        self.ring.load().all().find(|key| key.open(owner, sealed).is_some()).map(|key| key.id.clone())
    }

    /// Seals a secret anew that an earlier key sealed; `None` if the current key did.
    ///
    /// # Errors
    /// [`Internal::Sealed`] if no key opens it.
    pub fn reseal(&self, owner: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
        let ring = self.ring.load();
        if ring.current.open(owner, sealed).is_some() {
            return Ok(None);
        }
        let secret = ring.earlier.iter().find_map(|key| key.open(owner, sealed)).ok_or(Internal::Sealed)?;
        ring.current.seal(owner, &secret).map(Some)
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
        let vault = Vault::new(&key);
        let signature = vault.sign("/person/1.png");
        assert!(vault.is_signed("/person/1.png", &signature));
        assert!(!vault.is_signed("/person/2.png", &signature));
        assert!(!vault.is_signed("/person/1.png", &signature[1..]));
        let other = Vault::new(&MasterKey::from_hex(&"ac".repeat(32)).expect("64 digits"));
        assert!(!other.is_signed("/person/1.png", &signature));
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

    #[test]
    fn earlier_keys_open_and_verify_and_the_current_one_seals_and_signs() {
        let [old, new] = ["ab", "ac"].map(|digits| digits.repeat(32));
        let before = Vault::new(MasterKeys::parse(&old).expect("a key"));
        let (sealed, signature) = (before.seal("shop", "secret").expect("random"), before.sign("/a"));
        let (old_id, new_id) =
            (MasterKey::from_hex(&old).expect("a key").id(), MasterKey::from_hex(&new).expect("a key").id());

        let both = Vault::new(MasterKeys::parse(&format!("{new}\n{old}\n")).expect("two keys"));
        assert_eq!(both.open("shop", &sealed).expect("it opens"), "secret");
        assert!(both.is_signed("/a", &signature) && both.sign("/a") != signature);
        assert_eq!(both.key_of("shop", &sealed), Some(old_id));
        let resealed = both.reseal("shop", &sealed).expect("it opens").expect("it was sealed with the earlier key");
        assert_eq!((both.key_of("shop", &resealed), both.key_of("other", &resealed)), (Some(new_id), None));
        assert!(both.reseal("shop", &resealed).expect("it opens").is_none());
        assert!(both.reseal("other", &sealed).is_err());

        both.replace_keys(both.keys().without_earlier());
        assert!(both.open("shop", &sealed).is_err() && !both.is_signed("/a", &signature));
        assert_eq!(both.open("shop", &resealed).expect("it opens"), "secret");
    }

    #[test]
    fn keys_are_a_line_each_or_separated_by_commas_or_spaces() {
        let [a, b] = ["ab", "ac"].map(|digits| digits.repeat(32));
        for text in [format!("{a}\n{b}\n"), format!("{a},{b}"), format!(" {a} , {b},{a}")] {
            assert_eq!(MasterKeys::parse(&text).expect("keys").to_lines(), format!("{a}\n{b}"));
        }
        for wrong in ["", " \n", "abc", &format!("{a} abc"), &a[1..]] {
            assert!(MasterKeys::parse(wrong).is_none(), "{wrong}");
        }
        let one = MasterKeys::parse(&a).expect("a key");
        let both = one.with_others(&MasterKeys::parse(&format!("{b} {a}")).expect("keys"));
        assert_eq!(both.to_lines(), format!("{a}\n{b}"));
        assert!(!format!("{both:?}").contains(&a[..8]));
    }
}
