//! Older signatures in the query: MD5 of secret and timestamp. They cover neither path nor body, so a key must
//! explicitly allow them.

use std::time::Duration;

use aicp_types::UnixMillis;
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::params::RawQuery;

/// Why a request is refused, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Md5Error {
    NoKey,
    NoTime,
    NoSign,
    BadTime,
    OtherTime,
    UnknownKey,
    Mismatch,
}

/// Unverified signature and the key that it claims. Not `Debug`, as the signature is valid for any request.
pub(super) struct Claim {
    access_key: String,
    time: String,
    sign: String,
}

/// Whether a query uses this scheme, validly or not.
pub(super) fn matches_request(query: &RawQuery<'_>) -> bool {
    ["appkey", "timestamp", "sign"].into_iter().any(|name| query.has(name))
}

impl Claim {
    /// Parses a claim from the query. Times are in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`Md5Error`], up to [`Md5Error::OtherTime`].
    pub fn read(query: &RawQuery<'_>, now: UnixMillis, skew: Duration) -> Result<Self, Md5Error> {
        let access_key = query.text("appkey").ok_or(Md5Error::NoKey)?;
        let time = query.text("timestamp").ok_or(Md5Error::NoTime)?;
        let sign = query.text("sign").ok_or(Md5Error::NoSign)?;
        let moment = if time.bytes().all(|byte| byte.is_ascii_digit()) { time.parse::<i64>().ok() } else { None };
        let moment = moment.ok_or(Md5Error::BadTime)?;
        if now.distance(UnixMillis::new(moment)) > skew {
            return Err(Md5Error::OtherTime);
        }
        Ok(Self { access_key, time, sign })
    }

    /// Returns the id of the claimed access key.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`Md5Error::Mismatch`].
    pub fn verify(&self, secret: &str) -> Result<(), Md5Error> {
        let expected = hex::encode(Md5::new().chain_update(secret).chain_update(&self.time).finalize());
        let is_same = bool::from(expected.as_bytes().ct_eq(self.sign.to_ascii_lowercase().as_bytes()));
        if is_same { Ok(()) } else { Err(Md5Error::Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_541_491_668_060;
    const SKEW_MS: i64 = 300_000;
    const SKEW: Duration = Duration::from_millis(300_000);
    const GOOD: &str = "appkey=K&timestamp=1541491668060&sign=e58e726a4783ae6db9756d4df8ed0605";

    fn check(query: &str, now: i64) -> Result<(), Md5Error> {
        Claim::read(&RawQuery::of(query), UnixMillis::new(now), SKEW)?.verify("SECRET1")
    }

    #[test]
    fn the_documented_signature_is_right() {
        assert_eq!(check(GOOD, NOW), Ok(()));
        assert_eq!(check(&GOOD.replace("e58e", "E58E"), NOW), Ok(()));
        for edge in [NOW - SKEW_MS, NOW + SKEW_MS] {
            assert_eq!(check(GOOD, edge), Ok(()));
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_order() {
        let cases = [
            ("", Md5Error::NoKey),
            ("appkey=&timestamp=x", Md5Error::NoKey),
            ("timestamp=1541491668060&sign=x", Md5Error::NoKey),
            ("appkey=K&sign=x", Md5Error::NoTime),
            ("appkey=K&secretkey=SECRET1", Md5Error::NoTime),
            ("appkey=K&timestamp=x", Md5Error::NoSign),
            ("appkey=K&timestamp=x&sign=", Md5Error::NoSign),
            ("appkey=K&timestamp=x&sign=x", Md5Error::BadTime),
            ("appkey=K&timestamp=-1&sign=x", Md5Error::BadTime),
            ("appkey=K&timestamp=1541491668060.0&sign=x", Md5Error::BadTime),
            ("appkey=K&timestamp=99999999999999999999&sign=x", Md5Error::BadTime),
            ("appkey=K&timestamp=9223372036854775807&sign=x", Md5Error::OtherTime),
            ("appkey=K&timestamp=1541491668&sign=x", Md5Error::OtherTime),
            ("appkey=K&timestamp=1541491668060&sign=x", Md5Error::Mismatch),
            ("appkey=K&timestamp=1541491668061&sign=e58e726a4783ae6db9756d4df8ed0605", Md5Error::Mismatch),
        ];
        for (query, error) in cases {
            assert_eq!(check(query, NOW), Err(error), "{query}");
        }
        for outside in [NOW - SKEW_MS - 1, NOW + SKEW_MS + 1] {
            assert_eq!(check(GOOD, outside), Err(Md5Error::OtherTime));
        }
        let claim = Claim::read(&RawQuery::of(GOOD), UnixMillis::new(NOW), SKEW);
        assert_eq!(claim.map(|claim| claim.verify("SECRET2")), Ok(Err(Md5Error::Mismatch)));
    }

    #[test]
    fn any_of_its_parameters_means_it() {
        for query in ["appkey", "timestamp=", "a=b&sign=x", "%73ign=x"] {
            assert!(matches_request(&RawQuery::of(query)), "{query}");
        }
        for query in ["", "start=0&length=5", "Sign=x", "secretkey=x"] {
            assert!(!matches_request(&RawQuery::of(query)), "{query}");
        }
    }
}
