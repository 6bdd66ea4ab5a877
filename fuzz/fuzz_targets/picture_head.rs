//! Reading of a picture file before its pixels: format, dimensions, orientation, limits.
#![no_main]

use aicp_fuzz::{checked, tolerate_caught_panics};
use aicp_vision::{Dimensions, Format, fuzzing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: tolerate_caught_panics(), |bytes: &[u8]| checked(|| check(bytes)));

fn check(bytes: &[u8]) {
    let format = Format::of(bytes);
    match Dimensions::of(bytes) {
        Ok(head) => assert_eq!(Some(head.format), format),
        Err(e) => assert!(e.is_bad_picture(), "{e:?}"),
    }
    if let Err(e) = fuzzing::check(bytes) {
        assert!(e.is_bad_picture(), "{e:?}");
    }
    let orientation = fuzzing::orientation(bytes);
    assert_eq!(orientation.is_some(), format.is_some());
    assert!(orientation.is_none_or(|orientation| (1..=8).contains(&orientation)));
}
