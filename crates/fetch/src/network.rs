//! Which addresses are public.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address range in CIDR form, such as `10.0.0.0/8`. A single address may be written without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    length: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNetwork {
    /// It is not an address, or not one with a length that fits.
    #[error("not an address range such as 10.0.0.0/8")]
    Malformed,
    /// The address has bits beyond the length, so that it is not clear which range is meant.
    #[error("the address goes on behind the length of its range")]
    NotTheFirst,
    /// An IPv4 range in the clothes of IPv6, which would never match.
    #[error("an IPv4 range must be written as IPv4")]
    Mapped,
}

impl Network {
    /// Whether the address is one of this range. An IPv4 address inside IPv6 counts as what it is connected to as.
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
            // Digits only, as the parser of numbers would let a sign through.
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|length| *length <= bits).ok_or(BadNetwork::Malformed)?
            }
            Some(_) => return Err(BadNetwork::Malformed),
        };
        if first.to_canonical() != first {
            return Err(BadNetwork::Mapped);
        }
        let beyond = match first {
            IpAddr::V4(first) => first.to_bits() & !mask_v4(length) != 0,
            IpAddr::V6(first) => first.to_bits() & !mask_v6(length) != 0,
        };
        if beyond { Err(BadNetwork::NotTheFirst) } else { Ok(Self { first, length }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

/// IPv4 ranges that are not public.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),          // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),         // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),      // shared by a carrier's customers; metadata of a cloud
    (Ipv4Addr::new(127, 0, 0, 0), 8),        // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32),   // a cloud's service for its machines, though the range is public
    (Ipv4Addr::new(169, 254, 0, 0), 16),     // link-local; metadata of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),      // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),       // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),       // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),     // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16),     // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),      // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),    // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),     // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),        // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),        // reserved
    (Ipv4Addr::new(255, 255, 255, 255), 32), // broadcast
];

/// What global unicast has been given out of; IPv6 addresses outside (loopback, unspecified, link-local, site-local,
/// unique local, multicast, discard, IPv4-compatible and whatever comes) are not public.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv6 ranges inside global unicast that are not public. Tunnels are refused whole rather than looked into: they are
/// retired, and nothing good is served from there.
const NOT_PUBLIC_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// IPv4 behind a translator. A network without IPv4 names every IPv4 host so; the last 32 bits are judged.
const TRANSLATED: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Whether an address is one that anybody in the world may be asked at.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) if is_within_v6(address, TRANSLATED.0, TRANSLATED.1) => {
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

/// The leading `length` of 32 bits.
fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// The leading `length` of 128 bits.
fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}
