//! Encryption of a repository: the key is random, and sealed by a key from the pass phrase.

use argon2::{Algorithm, Argon2, Params, Version};
use bytes::Bytes;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::objects::ObjectId;
use crate::{Error, Result};

const NONCE: usize = 24;
/// Bytes that encryption adds to an object: nonce and tag.
pub(crate) const OVERHEAD: u64 = 40;
/// Cost of a guess: RFC 9106, section 4, second choice.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// The largest cost that a repository may ask for: a damaged one must not use up the machine.
const MAX_MEMORY_KIB: u32 = 1 << 20;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

/// A pass phrase. It does not appear in `Debug` output.
#[derive(Clone)]
pub struct PassPhrase(String);

impl PassPhrase {
    /// Takes a pass phrase; ignores surrounding white space. `None` if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self(text.trim().to_owned())).filter(|phrase| !phrase.0.is_empty())
    }
}

impl std::fmt::Debug for PassPhrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassPhrase(..)")
    }
}

/// How the key of a repository is sealed: a part of its header.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SealedKey {
    kdf: Kdf,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// Hex digits.
    salt: String,
    /// Hex digits of nonce and ciphertext.
    key: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kdf {
    Argon2id,
}

/// Encrypts the objects of a repository and names them, so that neither bytes nor names tell what they are.
pub(crate) struct Cipher {
    contents: XChaCha20Poly1305,
    names: Hmac<Sha256>,
}

impl SealedKey {
    /// Makes a random key and seals it for the repository of this id.
    pub fn generate(repository: &str, phrase: &PassPhrase) -> Result<(Self, Cipher)> {
        let (mut key, mut salt) = ([0; 32], [0; 16]);
        getrandom::fill(&mut key)?;
        getrandom::fill(&mut salt)?;
        let mut sealed = Self {
            kdf: Kdf::Argon2id,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: hex::encode(salt),
            key: String::new(),
        };
        let wrapping = XChaCha20Poly1305::new(&sealed.wrapping_key(phrase)?.into());
        sealed.key = hex::encode(seal(&wrapping, repository, &key)?);
        Ok((sealed, Cipher::new(&key)))
    }

    /// Opens the key. Takes as long as guessing should.
    ///
    /// # Errors
    /// [`Error::WrongPassPhrase`].
    pub fn open(&self, repository: &str, phrase: &PassPhrase) -> Result<Cipher> {
        let wrapping = XChaCha20Poly1305::new(&self.wrapping_key(phrase)?.into());
        let sealed = hex::decode(&self.key).map_err(|_| Error::WrongPassPhrase)?;
        let key = open(&wrapping, repository, &sealed).ok_or(Error::WrongPassPhrase)?;
        let key: [u8; 32] = key.try_into().map_err(|_| Error::WrongPassPhrase)?;
        Ok(Cipher::new(&key))
    }

    fn wrapping_key(&self, phrase: &PassPhrase) -> Result<[u8; 32]> {
        let Kdf::Argon2id = self.kdf;
        let is_bearable = self.memory_kib <= MAX_MEMORY_KIB && self.passes <= MAX_PASSES && self.lanes <= MAX_LANES;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok().filter(|_| is_bearable);
        let params = params.ok_or(Error::WrongPassPhrase)?;
        let salt = hex::decode(&self.salt).map_err(|_| Error::WrongPassPhrase)?;
        let mut key = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(phrase.0.as_bytes(), &salt, &mut key)
            .map_err(|_| Error::WrongPassPhrase)?;
        Ok(key)
    }
}

impl Cipher {
    fn new(key: &[u8; 32]) -> Self {
        let derive = |purpose: &str| -> [u8; 32] { keyed(key).chain_update(purpose).finalize().into_bytes().into() };
        Self { contents: XChaCha20Poly1305::new(&derive("contents").into()), names: keyed(&derive("names")) }
    }

    /// Returns the name under which an object is stored, as bytes.
    pub fn name(&self, id: &ObjectId) -> ObjectId {
        ObjectId::new(self.names.clone().chain_update(id.bytes()).finalize().into_bytes().into())
    }

    /// Encrypts what is stored under this name.
    pub fn seal(&self, name: &str, bytes: &[u8]) -> Result<Bytes> {
        Ok(seal(&self.contents, name, bytes)?.into())
    }

    /// Decrypts what is stored under this name; `None` if it was changed.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Bytes> {
        open(&self.contents, name, sealed).map(Bytes::from)
    }
}

fn seal(cipher: &XChaCha20Poly1305, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)?;
    let payload = Payload { msg: bytes, aad: name.as_bytes() };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Error::Encryption)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(cipher: &XChaCha20Poly1305, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: name.as_bytes() }).ok()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // RFC 2104 pads a key shorter than the block with zeros.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::<Sha256>::new(&block.into())
}
