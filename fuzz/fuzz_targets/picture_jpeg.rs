//! Decoding of JPEG files, at full and reduced size.
#![no_main]

use aicp_fuzz::{checked, decode, tolerate_caught_panics};
use aicp_vision::{Format, Picture};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(init: tolerate_caught_panics(), |bytes: &[u8]| -> Corpus {
    if Format::of(bytes) != Some(Format::Jpeg) {
        return Corpus::Reject;
    }
    checked(|| {
        if let Some(whole) = decode(bytes) {
            check_shrunk(bytes, &whole);
        }
    });
    Corpus::Keep
});

fn check_shrunk(bytes: &[u8], whole: &Picture) {
    let area = u64::from(whole.width()) * u64::from(whole.height());
    for factor in [2, 4, 8] {
        let pixels = area / (factor * factor);
        let shrunk = Picture::decode_at_least(bytes, pixels.max(1)).expect("it was decoded before");
        let by = shrunk.stored_per_pixel() as u32;
        let expected = (whole.width().div_ceil(by), whole.height().div_ceil(by));
        assert_eq!((shrunk.width(), shrunk.height()), expected);
        assert!(u64::from(shrunk.width()) * u64::from(shrunk.height()) >= pixels);
    }
}
