//! Addresses to fetch from, redirects, and ranges of addresses.
#![no_main]

use std::net::IpAddr;

use aicp_fetch::fuzzing::{Address, address, is_public, redirect};
use aicp_fetch::{Error, Network};
use libfuzzer_sys::fuzz_target;

/// Some non-public ranges, written out independently of the code under test.
const PRIVATE_RANGES: [&str; 11] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "fc00::/7",
    "fe80::/10",
    "::1",
];

fuzz_target!(|bytes: &[u8]| {
    let (first, second) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    let Ok(text) = str::from_utf8(first) else { return };
    if let Ok(found) = address(text) {
        check(&found);
        match redirect(text, second.get(1..).unwrap_or_default()) {
            Ok(led) => {
                check(&led);
                assert!(led.is_https || !found.is_https, "from https to http");
            }
            Err(e) => assert!(matches!(e, Error::BadUrl | Error::Downgraded), "{e:?}"),
        }
    }
    if let Ok(range) = text.parse::<Network>() {
        assert_eq!(range.to_string().parse(), Ok(range));
        let first: IpAddr = text.split('/').next().and_then(|text| text.parse().ok()).expect("an address");
        assert!(range.contains(first));
    }
});

fn check(found: &Address) {
    assert!(found.port != 0 && found.path.starts_with('/'));
    let authority = str::from_utf8(&found.authority).expect("a host in ASCII");
    for part in [authority, &found.path] {
        assert!(part.bytes().all(|byte| byte.is_ascii_graphic()), "{part:?}");
    }
    // The request line and `Host` header form an address that parses to the same result.
    let scheme = if found.is_https { "https" } else { "http" };
    assert_eq!(address(&format!("{scheme}://{authority}{}", found.path)).as_ref(), Ok(found));
    if let Ok(ip) = found.host.trim_matches(['[', ']']).parse::<IpAddr>() {
        let is_inside = PRIVATE_RANGES.iter().any(|range| range.parse().is_ok_and(|range: Network| range.contains(ip)));
        assert!(!(is_inside && is_public(ip)), "{ip}");
    }
}
