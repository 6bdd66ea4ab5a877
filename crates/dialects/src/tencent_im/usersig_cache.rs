//! Cache of verified UserSigs. A client sends the same one for months, and unpacking it is most of the work.
//!
//! The cache key is the verbatim text; the entry holds app, user and validity, so that only the time must be checked. A
//! text that is not cached is verified in full: a valid UserSig has many spellings, and each has its own entry.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::usersig::Validity;

/// Maximum number of cached texts, each of at most 2 KiB. When it is reached, the cache is cleared.
const MAX_TEXTS: usize = 4096;

/// Cache of texts whose signature was verified with the key of their app.
#[derive(Default)]
pub(super) struct UserSigCache(Mutex<HashMap<String, Known>>);

struct Known {
    sdk_app_id: u64,
    identifier: String,
    validity: Validity,
}

impl UserSigCache {
    /// Returns whether a text is cached as valid for this user of this app at this time, in Unix seconds. The caller
    /// checks that the app's key is valid.
    pub fn is_cached_valid(&self, text: &str, sdk_app_id: u64, identifier: &str, now_s: u64) -> bool {
        let is_cached = self.texts().get(text).is_some_and(|known| {
            known.sdk_app_id == sdk_app_id && known.identifier == identifier && known.validity.holds_at(now_s)
        });
        let name = if is_cached { "aicp_cache_hits_total" } else { "aicp_cache_misses_total" };
        metrics::counter!(name, "cache" => "usersigs").increment(1);
        is_cached
    }

    /// Caches a verified text.
    pub fn remember(&self, text: &str, sdk_app_id: u64, identifier: &str, validity: Validity) {
        let mut texts = self.texts();
        if texts.len() >= MAX_TEXTS {
            texts.clear();
        }
        let identifier = identifier.to_owned();
        texts.insert(text.to_owned(), Known { sdk_app_id, identifier, validity });
    }

    fn texts(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tencent_im::usersig::{Key, verify};

    const KEY: Key<'_> = Key::Good(b"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    const APP: u64 = 1_400_000_000;
    /// Valid for a week from 1700000000, for `user_张三`.
    const TEXT: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkSotTi*JjSk3TjAxiSk1SDSxhyopTshMLCjJTgIoMTQygACqXWlGQWZQKlDEzMLGAi5Zk5oLEDM3RVBdnpoNs8i8oDnKJtPB1NIks9XAKSzYo8K5K8Y00sjQNCk7TjsxzNC5xTcvydg10NLBVqgUAwNo1DA__";

    #[test]
    fn what_is_known_is_bound_to_app_user_and_time() {
        let cache = UserSigCache::default();
        let (name, now_s) = ("user_张三", 1_700_000_000);
        let validity = verify(TEXT, APP, name, KEY, now_s).expect("it is good");
        assert!(!cache.is_cached_valid(TEXT, APP, name, now_s), "not known yet");
        cache.remember(TEXT, APP, name, validity);
        for (text, app, identifier, now_s, is_let_in) in [
            (TEXT, APP, name, now_s, true),
            (TEXT, APP, name, now_s - 300, true),
            (TEXT, APP, name, now_s - 301, false),
            (TEXT, APP, name, now_s + 604_800, true),
            (TEXT, APP, name, now_s + 604_801, false),
            (TEXT, APP + 1, name, now_s, false),
            (TEXT, APP, "administrator", now_s, false),
            (&TEXT[1..], APP, name, now_s, false),
        ] {
            assert_eq!(cache.is_cached_valid(text, app, identifier, now_s), is_let_in, "{app} {identifier} {now_s}");
        }
        for number in 0..2 * MAX_TEXTS {
            cache.remember(&number.to_string(), APP, name, validity);
            assert!(cache.texts().len() <= MAX_TEXTS);
        }
    }
}
