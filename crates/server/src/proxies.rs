//! Proxies in front of this server, and who the client behind them is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aicp_platform::settings::Network;
use axum::http::HeaderMap;

use crate::config::Http;

/// Header to which each proxy appends the address that a request came from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Proxies whose `X-Forwarded-For` is believed. Clones share the list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    named: Arc<[Network]>,
    /// Number of proxies, if they are counted instead of named.
    hops: usize,
}

impl Proxies {
    /// Takes over the settings.
    pub fn new(settings: &Http) -> Self {
        Self { named: settings.trusted_proxies.clone().into(), hops: settings.proxy_hops }
    }

    /// Whether an address is that of a named proxy.
    pub fn names(&self, address: IpAddr) -> bool {
        self.named.iter().any(|network| network.contains(address))
    }

    /// Whether a peer is a proxy: one of those named or, where proxies are counted, every peer.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.hops > 0 || self.names(peer)
    }

    /// Returns the client of a request, counted from the right: before named proxies, the last address that is none of
    /// theirs; before counted ones, the address that the farthest of them wrote. What a client wrote itself stands left of
    /// that. The peer is the client if it is no proxy, or if the proxies did not write what they should have.
    pub fn client_of(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        // Each line counts, in order (RFC 9110, section 5.3). A line that is no text has no addresses, but is a hop.
        let lines = headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or_default());
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
        let mut from_the_right = hops.into_iter().rev().map(address);
        if self.hops > 0 {
            return from_the_right.nth(self.hops - 1).flatten().unwrap_or(peer);
        }
        let mut client = peer;
        while self.names(client)
            && let Some(Some(before)) = from_the_right.next()
        {
            client = before;
        }
        client
    }
}

/// Reads an address, also with a port or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches([' ', '\t']);
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = || bracketed.unwrap_or(text).parse::<IpAddr>();
    let address = text.parse::<SocketAddr>().map(|with_port| with_port.ip()).or_else(|_| plain()).ok()?;
    // Only IPv6 is written in brackets.
    (bracketed.is_none() || address.is_ipv6()).then(|| address.to_canonical())
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::http::HeaderValue;

    use super::*;

    pub(crate) fn named(networks: &[&str]) -> Proxies {
        let networks = networks.iter().map(|text| text.parse().expect("a network"));
        Proxies { named: networks.collect(), hops: 0 }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// The client of a request with these lines from this peer.
    fn client(proxies: &Proxies, lines: &[&str], peer: &str) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).expect("a value"));
        }
        proxies.client_of(&headers, ip(peer)).to_string()
    }

    #[test]
    fn only_named_proxies_say_who_the_client_is() {
        let (near, far) = ("192.0.2.1", "192.0.2.2");
        let lines = ["198.51.100.1, 203.0.113.7", far];
        for (proxies, expected, why) in [
            (named(&[]), near, "nobody is trusted"),
            (named(&[far]), near, "the peer is not trusted"),
            (named(&[near]), far, "the next is not trusted"),
            (named(&[near, far]), "203.0.113.7", "not what the client itself wrote"),
            (named(&["192.0.2.0/24"]), "203.0.113.7", "a network"),
            (named(&["0.0.0.0/0"]), "198.51.100.1", "all are"),
        ] {
            assert_eq!(client(&proxies, &lines, near), expected, "{why}");
        }
        let proxies = named(&["192.0.2.0/24"]);
        assert_eq!(client(&proxies, &[], near), near);
        assert_eq!(client(&proxies, &lines, "::ffff:192.0.2.1"), "203.0.113.7");
        assert_eq!(client(&proxies, &["203.0.113.7, ::ffff:192.0.2.9"], near), "203.0.113.7");
        for unreadable in ["unknown", "", "_hidden", "203.0.113.7 192.0.2.3", "\u{e9}"] {
            assert_eq!(client(&proxies, &["203.0.113.7", unreadable], near), near, "{unreadable}");
        }
    }

    #[test]
    fn counted_proxies_leave_the_address_that_the_farthest_wrote() {
        let hops = |hops| Proxies { hops, ..Proxies::default() };
        let lines = ["6.6.6.6, 203.0.113.7", "10.0.0.9"];
        assert_eq!(client(&hops(1), &lines, "10.0.0.1"), "10.0.0.9");
        assert_eq!(client(&hops(2), &lines, "10.0.0.1"), "203.0.113.7");
        assert_eq!(client(&hops(3), &lines, "10.0.0.1"), "6.6.6.6");
        assert_eq!(client(&hops(4), &lines, "10.0.0.1"), "10.0.0.1", "it came past a proxy");
        assert_eq!(client(&hops(2), &["203.0.113.7, unknown, 10.0.0.9"], "10.0.0.1"), "10.0.0.1", "nothing left of it");
        assert!(hops(1).trusts(ip("8.8.8.8")) && !hops(1).names(ip("8.8.8.8")) && !hops(0).trusts(ip("8.8.8.8")));
    }

    #[test]
    fn addresses_have_ports_and_brackets() {
        for (text, expected) in [
            ("203.0.113.7", Some("203.0.113.7")),
            (" 203.0.113.7:4711\t", Some("203.0.113.7")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("[::ffff:203.0.113.7]:443", Some("203.0.113.7")),
            ("[203.0.113.7]", None),
            ("203.0.113.7:", None),
            ("203.0.113.7:99999", None),
            ("[2001:db8::7", None),
            ("2001:db8::7%eth0", None),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }
}
