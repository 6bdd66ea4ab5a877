//! Signatures of links to pictures, which keep the links from being guessed.

use crate::Platform;

impl Platform {
    /// Signs a link. [`Platform::is_signed`] verifies the signature.
    pub fn sign(&self, link: &str) -> String {
        self.inner.vault.sign(link)
    }

    /// Verifies the signature of a link.
    pub fn is_signed(&self, link: &str, signature: &str) -> bool {
        self.inner.vault.is_signed(link, signature)
    }
}
