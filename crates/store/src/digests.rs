//! Fills in the fingerprints that rows of older versions lack.

use crate::{Error, Result, objects::md5_of, pictures::Pictures, sqlite::Database};

/// Rows worked on at once.
const BATCH: i64 = 500;

/// Fills in every fingerprint that is missing. A picture that can't be read keeps its face from getting one, and nothing
/// else from starting.
pub(crate) async fn fill_in(database: &Database, pictures: &Pictures) -> Result<()> {
    let templates = database.fill_in_template_md5s(BATCH).await?;
    let (mut faces, mut unread) = (0, 0);
    let mut last = i64::MIN;
    loop {
        let batch = database.faces_without_md5(last, BATCH).await?;
        let Some((id, _)) = batch.last() else { break };
        last = *id;
        let mut md5s = Vec::with_capacity(batch.len());
        for (face_id, key) in batch {
            match pictures.read(&key).await {
                Ok(picture) => md5s.push((face_id, md5_of(&picture))),
                Err(Error::NotFound | Error::Corrupt { .. } | Error::Io { .. }) => unread += 1,
                Err(error) => return Err(error),
            }
        }
        faces += md5s.len();
        database.set_picture_md5s(md5s).await?;
    }
    if templates > 0 || faces > 0 {
        tracing::info!(templates, faces, "fingerprints of older rows are filled in");
    }
    if unread > 0 {
        tracing::warn!(faces = unread, "pictures that can't be read have no fingerprint");
    }
    Ok(())
}
