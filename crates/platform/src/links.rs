//! Signatures of links to pictures, which keep the links from being guessed.

use crate::Platform;

impl Platform {
    /// Signs a link. [`Platform::is_signed`] verifies the signature.
    pub fn sign(&self, link: &str) -> String {
        self.inner.signer.sign(link)
    }

    /// Verifies the signature of a link.
    pub fn is_signed(&self, link: &str, signature: &str) -> bool {
        self.inner.signer.verify(link, signature)
    }
}
