//! Ids as this interface writes them: so many lower-case letters and digits for a number of ours. Nothing is kept for it:
//! each number has one text and each text at most one number.

/// Lower-case letters and digits in the order of base 36.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Digits of the longest ids.
const MAX_LENGTH: usize = 16;
/// 36 to the power of eight.
const EIGHT_DIGITS: u128 = 36u128.pow(8);

/// Users: snowflakes.
pub(super) const USER: Ids = Ids::new(16, 0x3_8f1d_79b5_e0a3_c2d7_41f5);
/// Relations: row ids.
pub(super) const RELATION: Ids = Ids::new(16, 0x5_a1c3_06e9_8d27_b14f_62cd);
/// Groups of users: row ids.
pub(super) const USER_GROUP: Ids = Ids::new(8, 0x1d5_7a3f_90cb);
/// Groups of devices: row ids.
pub(super) const DEVICE_GROUP: Ids = Ids::new(8, 0xf3_c85d_216b);

/// A kind of ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    length: usize,
    /// 36 to the power of the length.
    modulus: u128,
    /// Numbers are multiplied by this, so that neighbours look nothing alike. It has no factor in common with 36.
    factor: u128,
    /// What undoes it.
    inverse: u128,
}

impl Ids {
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

    /// The text for a number, which is not negative.
    pub fn text(&self, number: i64) -> String {
        let spread = product(u128::from(number.unsigned_abs()) % self.modulus, self.factor, self.modulus);
        let mut text = [b'0'; MAX_LENGTH];
        // Eight digits at once fit into what processors divide quickly.
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

    /// The number that a text stands for; `None` if there is none.
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

/// `a` times `b` modulo `m`, all below 2^84.
const fn product(a: u128, b: u128, m: u128) -> u128 {
    const HALF: u32 = 42;
    let (high, low) = (b >> HALF, b & ((1 << HALF) - 1));
    ((((a * high) % m) << HALF) % m + (a * low) % m) % m
}

/// What `a` is to be multiplied by to get 1 modulo `m`, by Euclid's algorithm.
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
        // Clients keep them: they must never change.
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

        /// Products agree with repeated doubling.
        #[test]
        fn products_agree_with_the_naive_ones(a in any::<u128>(), b in any::<u128>()) {
            let m = USER.modulus;
            let (a, b) = (a % m, b % m);
            let naive = (0..84).rev().fold(0, |sum, bit| (sum * 2 + if b >> bit & 1 == 1 { a } else { 0 }) % m);
            prop_assert_eq!(product(a, b, m), naive);
        }
    }
}
