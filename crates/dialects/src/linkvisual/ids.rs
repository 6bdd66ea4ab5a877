//! Ids of the interface: strings of 8 or 16 lower-case letters and digits. They are computed from our numbers by a
//! bijection modulo a power of 36, so nothing is stored: each number has one id, and each id at most one number.

/// Digits of base 36.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Length of the longest ids.
const MAX_LENGTH: usize = 16;
/// 36^8.
const EIGHT_DIGITS: u128 = 36u128.pow(8);

/// User ids, from snowflakes.
pub(super) const USER: IdCodec = IdCodec::new(16, 0x3_8f1d_79b5_e0a3_c2d7_41f5);
/// Relation ids, from row ids.
pub(super) const RELATION: IdCodec = IdCodec::new(16, 0x5_a1c3_06e9_8d27_b14f_62cd);
/// User group ids, from row ids.
pub(super) const USER_GROUP: IdCodec = IdCodec::new(8, 0x1d5_7a3f_90cb);
/// Device group ids, from row ids.
pub(super) const DEVICE_GROUP: IdCodec = IdCodec::new(8, 0xf3_c85d_216b);

/// Encoding of one kind of ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdCodec {
    length: usize,
    /// 36^length.
    modulus: u128,
    /// Numbers are multiplied by this factor, so that the ids of neighbours look unrelated. It is coprime to 36.
    factor: u128,
    /// Inverse of the factor modulo `modulus`.
    inverse: u128,
}

impl IdCodec {
    const fn new(length: usize, factor: u128) -> Self {
        assert!(!factor.is_multiple_of(2) && !factor.is_multiple_of(3), "without this, ids could not be read back");
        let mut modulus = 1;
        let mut power = 0;
        while power < length {
            modulus *= 36;
            power += 1;
        }
        Self { length, modulus, factor: factor % modulus, inverse: inverse(factor % modulus, modulus) }
    }

    /// Encodes a number, which must not be negative.
    pub fn text(&self, number: i64) -> String {
        let spread = product(u128::from(number.unsigned_abs()) % self.modulus, self.factor, self.modulus);
        let mut text = [b'0'; MAX_LENGTH];
        // Two halves of eight digits: each fits into a `u64`, which processors divide quickly.
        let (high, low) = (spread / EIGHT_DIGITS, spread % EIGHT_DIGITS);
        let (first, last) = text.split_at_mut(MAX_LENGTH / 2);
        for (part, places) in [(high, first), (low, last)] {
            let mut rest = u64::try_from(part).unwrap_or_default();
            for place in places.iter_mut().rev() {
                *place = usize::try_from(rest % 36).ok().and_then(|digit| DIGITS.get(digit)).copied().unwrap_or(b'0');
                rest /= 36;
            }
        }
        text.iter().skip(MAX_LENGTH - self.length).copied().map(char::from).collect()
    }

    /// Decodes an id; `None` if it is not valid.
    pub fn number(&self, text: &str) -> Option<i64> {
        if text.len() != self.length {
            return None;
        }
        let mut spread = 0;
        for byte in text.bytes() {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'z' => byte - b'a' + 10,
                _ => return None,
            };
            spread = spread * 36 + u128::from(digit);
        }
        i64::try_from(product(spread, self.inverse, self.modulus)).ok()
    }
}

/// Returns `a * b mod m`, where all are below 2^84.
const fn product(a: u128, b: u128, m: u128) -> u128 {
    const HALF: u32 = 42;
    let (high, low) = (b >> HALF, b & ((1 << HALF) - 1));
    ((((a * high) % m) << HALF) % m + (a * low) % m) % m
}

/// Returns the inverse of `a` modulo `m`, by the extended Euclidean algorithm.
const fn inverse(a: u128, m: u128) -> u128 {
    let (mut older, mut newer) = (m, a);
    let (mut of_older, mut of_newer) = (0, 1);
    while newer > 1 {
        let quotient = older / newer;
        (older, newer) = (newer, older % newer);
        (of_older, of_newer) = (of_newer, (of_older + m - product(quotient % m, of_newer, m)) % m);
    }
    of_newer
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_keep_what_they_were_given_out_as() {
        // Clients store the ids, so the encoding must never change.
        for (ids, number, text) in [
            (USER, 1_234_567_890_123_456_789, "ir7r16gqubfuv6s9"),
            (RELATION, 1, "uspkxnsttsb60slp"),
            (USER_GROUP, 1, "pqbexhhn"),
            (DEVICE_GROUP, 1, "dd03qxyj"),
        ] {
            assert_eq!(ids.text(number), text);
            assert_eq!(ids.number(text), Some(number));
        }
    }

    #[test]
    fn what_is_no_id_has_no_number() {
        for text in [
            "",
            "abc",
            "ABCDEFGHIJKLMNOP",
            "abcdefgh-jklmnop",
            "abcdefghijklmnopq",
            "abcdefghijklmn\u{e9}",
            "zzzzzzzzzzzzzzzz",
        ] {
            assert_eq!(USER.number(text), None, "{text}");
        }
        assert_eq!(USER_GROUP.number("abcdefghijklmnop"), None);
    }

    proptest! {
        #[test]
        fn numbers_come_back(number in 0..=i64::MAX, row in 0..1i64 << 41) {
            for (ids, number) in [(USER, number), (RELATION, number), (USER_GROUP, row), (DEVICE_GROUP, row)] {
                let text = ids.text(number);
                prop_assert_eq!(text.len(), ids.length);
                prop_assert!(text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
                prop_assert_eq!(ids.number(&text), Some(number));
            }
        }

        #[test]
        fn a_text_is_the_only_one_of_its_number(text in "[0-9a-z]{16}", short in "[0-9a-z]{8}") {
            for (ids, text) in [(USER, &text), (RELATION, &text), (USER_GROUP, &short), (DEVICE_GROUP, &short)] {
                if let Some(number) = ids.number(text) {
                    prop_assert_eq!(&ids.text(number), text);
                }
            }
        }

        /// Agrees with multiplication by repeated doubling.
        #[test]
        fn products_agree_with_the_naive_ones(a in any::<u128>(), b in any::<u128>()) {
            let m = USER.modulus;
            let (a, b) = (a % m, b % m);
            let naive = (0..84).rev().fold(0, |sum, bit| (sum * 2 + if b >> bit & 1 == 1 { a } else { 0 }) % m);
            prop_assert_eq!(product(a, b, m), naive);
        }
    }
}
