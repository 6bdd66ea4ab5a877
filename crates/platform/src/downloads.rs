//! What calls addresses that apps name: downloads of pictures, and posts of events to webhooks.

use std::sync::{Mutex, PoisonError};

use aicp_fetch::Fetcher;
use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::settings::{Fetch, Webhooks};
use crate::{BadInput, Caller, Error, Internal, Platform, Result, Settings, webhooks};

/// The clients, made anew when their settings change. Calls under way end with the former ones.
pub(crate) struct Fetchers {
    /// Downloads pictures.
    pub pictures: ArcSwap<Fetcher>,
    /// Posts events to the targets of webhooks.
    pub events: ArcSwap<Fetcher>,
    /// What they were made of.
    made_of: Mutex<(Fetch, Webhooks)>,
}

impl Fetchers {
    /// Creates the clients.
    ///
    /// # Errors
    /// [`Internal::Fetching`].
    pub fn new(settings: &Settings) -> Result<Self> {
        let (pictures, events) = create(settings)?;
        let made_of = Mutex::new((settings.fetch.clone(), settings.webhooks.clone()));
        Ok(Self { pictures: ArcSwap::from_pointee(pictures), events: ArcSwap::from_pointee(events), made_of })
    }

    /// Makes the clients anew if their settings are others.
    pub fn follow(&self, settings: &Settings) {
        let mut made_of = self.made_of.lock().unwrap_or_else(PoisonError::into_inner);
        if made_of.0 == settings.fetch && made_of.1 == settings.webhooks {
            return;
        }
        match create(settings) {
            Ok((pictures, events)) => {
                *made_of = (settings.fetch.clone(), settings.webhooks.clone());
                self.pictures.store(pictures.into());
                self.events.store(events.into());
            }
            // The file of certificate authorities is gone since the start.
            Err(e) => tracing::error!(error = %e, "downloads and webhooks keep the settings of before"),
        }
    }
}

/// Returns who downloads pictures, and who posts events.
fn create(settings: &Settings) -> Result<(Fetcher, Fetcher)> {
    let pictures =
        settings.fetch.limits().and_then(Fetcher::new).map_err(|e| Error::Internal(Internal::Fetching(e)))?;
    Ok((pictures, webhooks::poster(&settings.fetch, &settings.webhooks)?))
}

impl Platform {
    /// Fetches the bytes at an address that an app names, within the limits of the settings. Does not check that they
    /// are a picture.
    ///
    /// # Errors
    /// [`BadInput::Address`], [`BadInput::NotFetched`], [`Error::Busy`].
    pub async fn fetch_picture(&self, caller: &Caller, address: &str) -> Result<Bytes> {
        let fetcher = self.inner.fetchers.pictures.load_full();
        fetcher.fetch(caller.app_id(), address).await.map_err(|e| match e {
            aicp_fetch::Error::BadUrl => Error::BadInput(BadInput::Address),
            aicp_fetch::Error::Busy => Error::Busy,
            other => Error::BadInput(BadInput::NotFetched(other)),
        })
    }
}
