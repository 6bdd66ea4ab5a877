//! Structure of a JPEG file (ITU-T T.81, annex B), read without decoding pixels.

use crate::picture::MAX_PIXELS;
use crate::{Error, Result};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const APP1: u8 = 0xe1;

/// Maximum scans of a decoded file. Encoders write 1 to 4, or 10 to 14 for a progressive picture.
const MAX_SCANS: usize = 64;
/// Maximum blocks of 8x8 coefficients of a decoded file, counted once per scan. Equals 40 megapixels of three
/// components at full resolution, each with eight scans; a photograph of 12 megapixels has 0.3 to 2 million.
const MAX_BLOCKS: u64 = 16_000_000;
/// Maximum blocks skipped by one code (an end-of-band run, ITU-T T.81 G.1.2.2).
const LONGEST_RUN: u64 = 32_767;
/// Minimum bits of that code.
const BITS_OF_RUN: u64 = 15;

/// A marker segment and, for a scan, the entropy-coded data after its header.
struct Segment<'a> {
    marker: u8,
    /// The segment without marker and length.
    body: &'a [u8],
    /// Bytes of entropy-coded data; 0 except for a scan.
    data: usize,
}

/// The marker segments of a file, up to its end or the first broken one. Bytes between segments are skipped.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// The offset of the next marker: 0xff followed by neither a stuffed zero nor a fill byte.
    fn next_marker(&self, from: usize, is_passed: impl Fn(u8) -> bool) -> Option<usize> {
        let mut at = from;
        loop {
            at += memchr::memchr(0xff, self.bytes.get(at..)?)?;
            match *self.bytes.get(at + 1)? {
                0xff => at += 1,
                0 => at += 2,
                marker if is_passed(marker) => at += 2,
                _ => return Some(at),
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next_marker(self.at, |marker| matches!(marker, 0x01 | 0xd0..=0xd7))?;
        let marker = self.bytes[at + 1];
        if matches!(marker, START_OF_IMAGE | END_OF_IMAGE) {
            self.at = at + 2;
            return Some(Segment { marker, body: &[], data: 0 });
        }
        let length = usize::from(u16::from_be_bytes(*self.bytes.get(at + 2..)?.first_chunk()?));
        let body = self.bytes.get(at + 4..at + 2 + length)?;
        self.at = at + 2 + length;
        let mut data = 0;
        if marker == START_OF_SCAN {
            // Without another marker the data extends to the end of the file.
            let end = self.next_marker(self.at, |marker| matches!(marker, 0xd0..=0xd7)).unwrap_or(self.bytes.len());
            data = end - self.at;
            self.at = end;
        }
        Some(Segment { marker, body, data })
    }
}

/// The start of a frame (ITU-T T.81 B.2.2).
pub(super) struct Frame {
    marker: u8,
    pub(super) width: u32,
    pub(super) height: u32,
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// Horizontal sampling factor, 1 to 4.
    horizontal_sampling: u64,
    /// Vertical sampling factor, 1 to 4.
    vertical_sampling: u64,
}

impl Frame {
    fn of(marker: u8, body: &[u8]) -> Option<Self> {
        let (&[_precision, h1, h0, w1, w0, count], rest) = body.split_first_chunk()?;
        let (parts, _) = rest.as_chunks::<3>();
        let components = parts.iter().take(usize::from(count)).map(|&[id, sampling, _]| Component {
            id,
            horizontal_sampling: u64::from(sampling >> 4),
            vertical_sampling: u64::from(sampling & 15),
        });
        let components: Vec<_> = components.collect();
        let are_fit = components
            .iter()
            .all(|c| (1..=4).contains(&c.horizontal_sampling) && (1..=4).contains(&c.vertical_sampling));
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        let is_whole = components.len() == usize::from(count) && count > 0 && width > 0 && height > 0;
        (are_fit && is_whole).then(|| Self { marker, width: width.into(), height: height.into(), components })
    }

    fn is_progressive(&self) -> bool {
        self.marker == 0xc2
    }

    /// Number of blocks of a component, without those that pad the last unit.
    fn blocks(&self, component: &Component) -> u64 {
        let most = |factor: fn(&Component) -> u64| self.components.iter().map(factor).max().unwrap_or(1);
        let side = |length: u32, factor: u64, most: u64| (u64::from(length) * factor).div_ceil(most).div_ceil(8);
        side(self.width, component.horizontal_sampling, most(|c| c.horizontal_sampling))
            * side(self.height, component.vertical_sampling, most(|c| c.vertical_sampling))
    }
}

fn is_start_of_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Reads the frame of a file from its header.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Damaged`].
pub(super) fn frame(bytes: &[u8]) -> Result<Frame> {
    for segment in Segments::of(bytes) {
        match segment.marker {
            marker if is_start_of_frame(marker) => {
                return Frame::of(marker, segment.body).ok_or(Error::Damaged("the start of its frame is broken"));
            }
            START_OF_SCAN | START_OF_IMAGE | END_OF_IMAGE => break,
            _ => {}
        }
    }
    Err(Error::Truncated)
}

/// Checks a file before decoding: complete as far as markers show, pixels and scans within limits, and data for each
/// scan.
///
/// # Errors
/// [`Error::TooManyPixels`], [`Error::TooManyScans`], [`Error::Truncated`], [`Error::Damaged`] or [`Error::Unsupported`].
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let mut frame: Option<Frame> = None;
    let (mut scans, mut blocks) = (0, 0u64);
    for segment in Segments::of(bytes) {
        match segment.marker {
            END_OF_IMAGE if scans > 0 => return Ok(()),
            // Another picture begins before the end of this one.
            START_OF_IMAGE | END_OF_IMAGE => return Err(Error::Truncated),
            marker if is_start_of_frame(marker) => {
                let started =
                    Frame::of(marker, segment.body).ok_or(Error::Damaged("the start of its frame is broken"))?;
                check_frame(&started)?;
                frame = Some(started);
            }
            START_OF_SCAN => {
                let frame = frame.as_ref().ok_or(Error::Damaged("it has a scan before its frame"))?;
                scans += 1;
                blocks += check_scan(frame, &segment)?;
                if scans > MAX_SCANS || blocks > MAX_BLOCKS {
                    return Err(Error::TooManyScans { scans, width: frame.width, height: frame.height });
                }
            }
            _ => {}
        }
    }
    Err(Error::Truncated)
}

fn check_frame(frame: &Frame) -> Result<()> {
    let Frame { width, height, .. } = *frame;
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::TooManyPixels { width, height, limit: MAX_PIXELS });
    }
    match frame.marker {
        0xc0..=0xc2 => Ok(()),
        0xc3 | 0xc7 | 0xcb | 0xcf => Err(Error::Unsupported("lossless JPEG")),
        0xc9 | 0xca => Err(Error::Unsupported("JPEG with arithmetic coding")),
        _ => Err(Error::Unsupported("hierarchical JPEG")),
    }
}

/// Returns the number of blocks of a scan; refuses a scan with too little data for them.
fn check_scan(frame: &Frame, scan: &Segment<'_>) -> Result<u64> {
    const BROKEN: Error = Error::Damaged("the header of a scan is broken");
    let (&count, rest) = scan.body.split_first().ok_or(BROKEN)?;
    let (selectors, bands) = rest.split_at_checked(2 * usize::from(count)).ok_or(BROKEN)?;
    let &[first_band, ..] = bands else { return Err(BROKEN) };
    let mut blocks = 0;
    for &[id, _] in selectors.as_chunks::<2>().0 {
        let component = frame.components.iter().find(|component| component.id == id).ok_or(BROKEN)?;
        blocks += frame.blocks(component);
    }
    // A code has at least one bit: one code for a block's first coefficient, one for the end of the others.
    let least_bits = match (frame.is_progressive(), first_band) {
        (false, _) => 2 * blocks,
        (true, 0) => blocks,
        (true, _) => blocks / LONGEST_RUN * BITS_OF_RUN,
    };
    if (scan.data as u64) * 8 < least_bits {
        return Err(Error::Damaged("a scan has too little data for its blocks"));
    }
    Ok(blocks)
}

/// Returns the first Exif block of a file and its first XMP packet.
pub(super) fn metadata(bytes: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    const EXIF: &[u8] = b"Exif\0\0";
    // End of the namespace that precedes a packet, up to a NUL (ISO 16684-3).
    const XMP: &[u8] = b"/xap/1.0/";
    let (mut exif, mut xmp) = (None, None);
    for segment in Segments::of(bytes).take_while(|segment| segment.marker != START_OF_SCAN) {
        if segment.marker == APP1 {
            exif = exif.or(segment.body.strip_prefix(EXIF));
            let named = memchr::memchr(0, segment.body).map(|end| segment.body.split_at(end));
            xmp = xmp.or(named.filter(|(name, _)| name.ends_with(XMP)).map(|(_, packet)| packet));
        }
    }
    (exif, xmp)
}
