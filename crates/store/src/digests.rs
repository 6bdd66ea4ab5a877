//! Backfills the MD5 digests that rows of older versions lack.

use std::time::{Duration, Instant};

use aicp_types::FaceId;

use crate::{Error, Result, Store, md5_hex};

/// Rows per transaction.
const BATCH: u64 = 500;
/// Minimum time between two progress reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Remaining rows, and time of the last progress report.
struct Progress {
    left: u64,
    told: Instant,
}

impl Progress {
    fn new(left: u64, now: Instant) -> Self {
        Self { left, told: now }
    }

    /// Counts `rows` as done; returns the remaining ones if a report is due.
    fn less(&mut self, rows: u64, now: Instant) -> Option<u64> {
        self.left = self.left.saturating_sub(rows);
        let is_time = now.saturating_duration_since(self.told) >= REPORT_INTERVAL;
        is_time.then(|| {
            self.told = now;
            self.left
        })
    }
}

impl Store {
    /// Stores the digests that rows of older versions lack. A face whose picture can't be read stays without one.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn backfill_digests(&self) -> Result<()> {
        let (templates, faces) = self.rows().await?.count_missing_md5s().await?;
        if templates + faces == 0 {
            return Ok(());
        }
        let mut progress = Progress::new(templates + faces, Instant::now());
        tracing::info!(templates, faces, "fingerprints of older rows are being filled in before anything is served");
        let tell = |left| tracing::info!(left, "fingerprints of older rows are being filled in");
        let mut on_progress = |rows| progress.less(rows, Instant::now()).map_or((), tell);
        let templates = self.backfill_template_digests(&mut on_progress).await?;
        let (mut faces, mut unread) = (0, 0);
        let mut last = FaceId::new(i64::MIN);
        loop {
            let batch = self.rows().await?.faces_without_md5(last, BATCH).await?;
            let Some((id, _)) = batch.last() else { break };
            last = *id;
            let mut md5s = Vec::with_capacity(batch.len());
            for (face_id, key) in batch {
                match self.picture(&key).await {
                    Ok(picture) => md5s.push((face_id, md5_hex(&picture))),
                    Err(Error::NotFound | Error::Blobs(_)) => unread += 1,
                    Err(error) => return Err(error),
                }
                on_progress(1);
            }
            faces += md5s.len();
            if !md5s.is_empty() {
                // A start on a full disk must be possible, to make room.
                self.write_always(move |tx| Box::pin(async move { tx.set_picture_md5s(md5s).await })).await?;
            }
        }
        tracing::info!(templates, faces, "fingerprints of older rows are filled in");
        if unread > 0 {
            tracing::warn!(faces = unread, "pictures that can't be read have no fingerprint");
        }
        Ok(())
    }

    async fn backfill_template_digests(&self, on_progress: &mut (impl FnMut(u64) + Send)) -> Result<u64> {
        let mut filled = 0;
        loop {
            let batch = self.rows().await?.templates_without_md5(BATCH).await?;
            if batch.is_empty() {
                return Ok(filled);
            }
            let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let md5s = batch.into_iter().map(|(face_id, vector)| (face_id, md5_hex(&vector))).collect();
            self.write_always(move |tx| Box::pin(async move { tx.set_template_md5s(md5s).await })).await?;
            filled += rows;
            on_progress(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_every_so_often_what_is_left() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress::new(10, start);
        for (seconds, rows, told) in
            [(9, 1, None), (10, 1, Some(8)), (19, 2, None), (21, 1, Some(5)), (30, 0, None), (31, 9, Some(0))]
        {
            assert_eq!(progress.less(rows, after(seconds)), told, "{seconds}");
        }
    }
}
