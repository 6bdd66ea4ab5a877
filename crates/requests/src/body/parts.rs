//! Bodies that are too large for memory: read part by part, for what writes them elsewhere.

use bytes::Bytes;
use tokio::time::Instant;

use super::{BodyError, MinimumRate, UnreadBody};
use crate::body::encoding::ContentCoding;

/// Minimum transfer rate in bytes per second.
const MIN_BYTES_PER_SECOND: u32 = 16 << 10;

/// The parts of a body, in order.
pub struct BodyParts<'a> {
    body: &'a mut UnreadBody,
    pace: MinimumRate,
    /// Bytes that may still come.
    room: u64,
    /// When the last part was passed on.
    since: Instant,
}

impl UnreadBody {
    /// Begins to read a body of at most `longest` bytes part by part. It is neither decompressed nor converted.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`]; [`BodyError::Broken`] if its head says that it is compressed.
    pub fn parts(&mut self, longest: u64) -> Result<BodyParts<'_>, BodyError> {
        if self.declared.is_some_and(|length| length as u64 > longest) {
            return Err(BodyError::TooLarge);
        }
        if self.encoding.packing != ContentCoding::None {
            return Err(BodyError::Broken);
        }
        self.expects_continue = false;
        if let Some(standing) = &self.standing {
            standing.set_awaits_body(true);
        }
        let pace = MinimumRate::of(MIN_BYTES_PER_SECOND);
        Ok(BodyParts { body: self, pace, room: longest, since: Instant::now() })
    }
}

impl BodyParts<'_> {
    /// Returns the next part; `None` at the end.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        // The client's deadline excludes the time that the part took here.
        self.pace.deadline += self.since.elapsed();
        let part = self.pace.next_part(&mut self.body.body).await;
        self.body.is_broken |= part.is_err();
        let part = part?;
        self.since = Instant::now();
        if let Some(part) = &part {
            self.room = self.room.checked_sub(part.len() as u64).ok_or(BodyError::TooLarge)?;
        }
        Ok(part)
    }
}

impl Drop for BodyParts<'_> {
    fn drop(&mut self) {
        if let Some(standing) = &self.body.standing {
            standing.set_awaits_body(false);
        }
    }
}
