//! Downloads of pictures from addresses that apps name.

use bytes::Bytes;

use crate::{BadInput, Caller, Error, Platform, Result};

impl Platform {
    /// Fetches the bytes at an address that an app names, within the limits of the settings. Does not check that they
    /// are a picture.
    ///
    /// # Errors
    /// [`BadInput::Address`], [`BadInput::NotFetched`], [`Error::Busy`].
    pub async fn fetch_picture(&self, caller: &Caller, address: &str) -> Result<Bytes> {
        self.inner.fetcher.fetch(caller.app_id(), address).await.map_err(|e| match e {
            aicp_fetch::Error::BadUrl => Error::BadInput(BadInput::Address),
            aicp_fetch::Error::Busy => Error::Busy,
            other => Error::BadInput(BadInput::NotFetched(other)),
        })
    }
}
