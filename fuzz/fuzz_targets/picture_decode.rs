//! Decoding of picture files of every format except JPEG.
#![no_main]

use aicp_fuzz::{checked, decode, tolerate_caught_panics};
use aicp_vision::{Format, Picture};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(init: tolerate_caught_panics(), |bytes: &[u8]| -> Corpus {
    if matches!(Format::of(bytes), None | Some(Format::Jpeg)) {
        return Corpus::Reject;
    }
    checked(|| {
        if let Some(whole) = decode(bytes) {
            // Only a JPEG can be decoded at a reduced size.
            assert!(Picture::decode_at_least(bytes, 1).expect("it was decoded before") == whole);
        }
    });
    Corpus::Keep
});
