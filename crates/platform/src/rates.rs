//! Rates of the calls of apps.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::nodes::weight;
use crate::{Caller, Platform};

/// Rates by name of the call, then by app.
#[derive(Default)]
pub(crate) struct AppRates(Mutex<HashMap<&'static str, HashMap<String, Arc<DefaultDirectRateLimiter>>>>);

impl AppRates {
    /// Counts a call against a rate, which the first call of its kind and app sets. Returns false if it is exceeded.
    fn is_within(&self, app_id: &str, call: &'static str, per_second: NonZeroU32, nodes: u32) -> bool {
        let rate = {
            // No holder leaves the data half changed.
            let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let of_call = rates.entry(call).or_default();
            match of_call.get(app_id) {
                Some(rate) => Arc::clone(rate),
                None => {
                    let rate = Arc::new(RateLimiter::direct(Quota::per_second(per_second)));
                    of_call.insert(app_id.to_owned(), Arc::clone(&rate));
                    rate
                }
            }
        };
        matches!(rate.check_n(weight(nodes, per_second.get())), Ok(Ok(())))
    }
}

impl Platform {
    /// Counts a call of an app against a rate per second. Returns false if the rate is exceeded.
    pub fn is_within_rate(&self, caller: &Caller, call: &'static str, per_second: NonZeroU32) -> bool {
        self.inner.rates.is_within(caller.app_id(), call, per_second, self.answering_nodes())
    }
}
