//! Public address ranges.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Address range in CIDR form, such as `10.0.0.0/8`. A single address may be written without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    length: u8,
}

/// Reason why a text is not a [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    /// The text is not an address with an optional length that fits.
    #[error("not an address range such as 10.0.0.0/8")]
    Malformed,
    /// The address has bits set beyond the length, so the range is ambiguous.
    #[error("the address goes on behind the length of its range")]
    HostBitsSet,
    /// An IPv4 range written as mapped IPv6, which would never match.
    #[error("an IPv4 range must be written as IPv4")]
    MappedIpv4,
}

impl Network {
    /// Returns whether the range contains the address. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => is_within_v4(address, first, self.length),
            (IpAddr::V6(first), IpAddr::V6(address)) => is_within_v6(address, first, self.length),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| BadNetwork::Malformed)?;
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => bits,
            // Only digits, because the number parser would accept a sign.
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|length| *length <= bits).ok_or(BadNetwork::Malformed)?
            }
            Some(_) => return Err(BadNetwork::Malformed),
        };
        if first.to_canonical() != first {
            return Err(BadNetwork::MappedIpv4);
        }
        let beyond = match first {
            IpAddr::V4(first) => first.to_bits() & !mask_v4(length) != 0,
            IpAddr::V6(first) => first.to_bits() & !mask_v6(length) != 0,
        };
        if beyond { Err(BadNetwork::HostBitsSet) } else { Ok(Self { first, length }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// IPv4 ranges that are not public.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),          // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),         // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),      // carrier-grade NAT; metadata service of a cloud
    (Ipv4Addr::new(127, 0, 0, 0), 8),        // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32),   // a cloud's platform service, though the range is public
    (Ipv4Addr::new(169, 254, 0, 0), 16),     // link-local; metadata services of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),      // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),       // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),       // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),     // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),     // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),      // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),    // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),     // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),        // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),        // reserved
    (Ipv4Addr::new(255, 255, 255, 255), 32), // broadcast
];

/// Global unicast range. IPv6 addresses outside it (loopback, unspecified, link-local, site-local, unique local,
/// multicast, discard, IPv4-compatible and future ranges) are not public.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv6 ranges inside global unicast that are not public. Tunnels are refused without decoding the embedded address:
/// they are retired, and no legitimate server uses them.
const NOT_PUBLIC_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// NAT64 prefix. A network without IPv4 reaches IPv4 hosts through it; the last 32 bits are checked as IPv4.
const NAT64_PREFIX: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Returns whether an address is publicly reachable.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) if is_within_v6(address, NAT64_PREFIX.0, NAT64_PREFIX.1) => {
            let [.., a, b, c, d] = address.octets();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => {
            is_within_v6(address, GLOBAL_V6.0, GLOBAL_V6.1)
                && !NOT_PUBLIC_V6.iter().any(|(first, length)| is_within_v6(address, *first, *length))
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|(first, length)| is_within_v4(address, *first, *length))
}

fn is_within_v4(address: Ipv4Addr, first: Ipv4Addr, length: u8) -> bool {
    address.to_bits() & mask_v4(length) == first.to_bits()
}

fn is_within_v6(address: Ipv6Addr, first: Ipv6Addr, length: u8) -> bool {
    address.to_bits() & mask_v6(length) == first.to_bits()
}

/// Returns the mask of the leading `length` of 32 bits.
fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// Returns the mask of the leading `length` of 128 bits.
fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ranges that must be refused, written independently of the constants above.
    const REFUSED: [&str; 30] = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2001:2::/48",
        "2001:10::/28",
        "2001:20::/28",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    ];

    /// Returns the bits of an address, one character each.
    fn bits(address: IpAddr) -> String {
        match address {
            IpAddr::V4(address) => format!("{address:?}").split('.').map(|p| format!("{:08b}", byte(p))).collect(),
            IpAddr::V6(address) => address.segments().iter().map(|segment| format!("{segment:016b}")).collect(),
        }
    }

    fn byte(text: &str) -> u8 {
        text.parse().expect("a byte")
    }

    /// Returns whether an address is in a range, by comparing characters.
    fn is_in(address: IpAddr, range: &str) -> bool {
        let (first, length) = range.split_once('/').expect("a range");
        let first: IpAddr = first.parse().expect("an address");
        let length: usize = length.parse().expect("a length");
        first.is_ipv4() == address.is_ipv4() && bits(first)[..length] == bits(address)[..length]
    }

    /// Returns the IPv4 address in the last bits.
    fn embedded(address: IpAddr) -> IpAddr {
        let bits = bits(address);
        let byte = |at: usize| u8::from_str_radix(&bits[at..at + 8], 2).expect("eight bits");
        IpAddr::from([byte(96), byte(104), byte(112), byte(120)])
    }

    fn is_public_naively(address: IpAddr) -> bool {
        if is_in(address, "::ffff:0:0/96") || is_in(address, "64:ff9b::/96") {
            return is_public_naively(embedded(address));
        }
        let is_given_out = address.is_ipv4() || is_in(address, "2000::/3");
        is_given_out && !REFUSED.iter().any(|range| is_in(address, range))
    }

    fn v4(bits: u32) -> IpAddr {
        Ipv4Addr::from_bits(bits).into()
    }

    fn v6(bits: u128) -> IpAddr {
        Ipv6Addr::from_bits(bits).into()
    }

    /// Returns the first and the last address of a range, and their neighbours outside.
    fn edges(range: &str) -> [IpAddr; 4] {
        let (first, length) = range.split_once('/').expect("a range");
        let length: u32 = length.parse().expect("a length");
        match first.parse().expect("an address") {
            IpAddr::V4(first) => {
                let first = first.to_bits();
                let last = first | u32::MAX.checked_shr(length).unwrap_or(0);
                [v4(first), v4(last), v4(first.wrapping_sub(1)), v4(last.wrapping_add(1))]
            }
            IpAddr::V6(first) => {
                let first = first.to_bits();
                let last = first | u128::MAX.checked_shr(length).unwrap_or(0);
                [v6(first), v6(last), v6(first.wrapping_sub(1)), v6(last.wrapping_add(1))]
            }
        }
    }

    #[test]
    fn ranges_are_refused_to_their_ends() {
        for range in REFUSED {
            let [first, last, before, after] = edges(range);
            assert!(!is_public(first), "{first} of {range}");
            assert!(!is_public(last), "{last} of {range}");
            for neighbour in [before, after] {
                assert_eq!(is_public(neighbour), is_public_naively(neighbour), "{neighbour} beside {range}");
            }
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "168.63.129.17",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "223.255.255.255",
            "2000::",
            "2001:200::1",
            "2400:3200::1",
            "2606:4700::1111",
            "3fff:1000::",
            "64:ff9b::1.1.1.1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn texts_that_are_no_range_are_refused() {
        for (text, reason) in [
            ("", BadNetwork::Malformed),
            ("/", BadNetwork::Malformed),
            ("10.0.0.0/", BadNetwork::Malformed),
            ("10.0.0.0/33", BadNetwork::Malformed),
            ("10.0.0.0/256", BadNetwork::Malformed),
            ("10.0.0.0/+8", BadNetwork::Malformed),
            ("10.0.0.0/-8", BadNetwork::Malformed),
            ("10.0.0.0/8/8", BadNetwork::Malformed),
            ("10.0.0/8", BadNetwork::Malformed),
            (" 10.0.0.0/8", BadNetwork::Malformed),
            ("fc00::/129", BadNetwork::Malformed),
            ("intranet.example.com", BadNetwork::Malformed),
            ("10.0.0.1/8", BadNetwork::HostBitsSet),
            ("0.0.0.1/0", BadNetwork::HostBitsSet),
            ("fc00::1/7", BadNetwork::HostBitsSet),
            ("::ffff:10.0.0.0/104", BadNetwork::MappedIpv4),
        ] {
            assert_eq!(text.parse::<Network>(), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn ranges_are_written_as_they_are_read() {
        for (text, written) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("::/0", "::/0"),
            ("FC00::/7", "fc00::/7"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(text.parse::<Network>().expect("a range").to_string(), written);
        }
    }

    /// Any address, mostly in or near the ranges and in the IPv6 encodings of IPv4.
    fn addresses() -> impl Strategy<Value = IpAddr> {
        let v4_near = (0..16_usize, 0..4_usize, -300..300_i32).prop_map(|(range, edge, by)| {
            let IpAddr::V4(edge) = edges(REFUSED[range])[edge] else { unreachable!("an IPv4 range") };
            edge.to_bits().wrapping_add_signed(by)
        });
        let v4_bits = prop_oneof![any::<u32>(), v4_near];
        let v6_near = (16..REFUSED.len(), 0..4_usize, any::<i64>()).prop_map(|(range, edge, by)| {
            let IpAddr::V6(edge) = edges(REFUSED[range])[edge] else { unreachable!("an IPv6 range") };
            v6(edge.to_bits().wrapping_add_signed(by.into()))
        });
        let clothes =
            prop_oneof![Just(0xffff_u128 << 32), Just(0x0064_ff9b_u128 << 96), Just(0), Just(0x2002_u128 << 112)];
        prop_oneof![
            v4_bits.clone().prop_map(v4),
            any::<u128>().prop_map(v6),
            v6_near,
            (clothes, v4_bits).prop_map(|(clothes, bits)| v6(clothes | u128::from(bits))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn judges_as_a_naive_reader_of_bits_does(address in addresses()) {
            prop_assert_eq!(is_public(address), is_public_naively(address));
        }

        #[test]
        fn contains_what_shares_the_leading_bits(address in addresses(), other in addresses(), length in 0..=128_u8) {
            let length = if address.is_ipv4() { length.min(32) } else { length };
            let first = match address {
                IpAddr::V4(address) => v4(address.to_bits() & mask_v4(length)),
                IpAddr::V6(address) => v6(address.to_bits() & mask_v6(length)),
            };
            let text = format!("{first}/{length}");
            let Ok(network) = text.parse::<Network>() else {
                // The only remaining reason to refuse.
                prop_assert_ne!(first.to_canonical(), first);
                return Ok(());
            };
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            prop_assert_eq!(network.contains(address), is_in(address.to_canonical(), &text));
            prop_assert_eq!(network.contains(other), is_in(other.to_canonical(), &text));
        }
    }
}
