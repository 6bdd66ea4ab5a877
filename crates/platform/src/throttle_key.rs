//! Who counts as one client to a throttle.

use std::net::{IpAddr, Ipv6Addr};

/// Returns the key under which a throttle counts a client: the IPv4 address itself, or the /64 network of an IPv6 address,
/// which one host can fill.
pub fn throttle_key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}
