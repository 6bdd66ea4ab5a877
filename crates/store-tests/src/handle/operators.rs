//! Writes of operators and of what is sealed.

use aicp_store::{Operator, Result, SealedKind, SealedSecret};

use super::Handle;

impl Handle {
    /// Writes an operator as a whole.
    pub async fn write_operator(&self, operator: Operator) -> Result<()> {
        self.0.write(move |tx| Box::pin(async move { tx.write_operator(&operator).await })).await
    }

    /// Returns all sealed secrets of a kind.
    pub async fn sealed(&self, kind: SealedKind) -> Result<Vec<SealedSecret>> {
        self.0.rows().await?.sealed_after(kind, ("", ""), u64::MAX).await
    }

    /// Replaces a sealed secret.
    pub async fn reseal(&self, secret: SealedSecret) -> Result<()> {
        self.0.write(move |tx| Box::pin(async move { tx.reseal(secret).await })).await
    }
}
