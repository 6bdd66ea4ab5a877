//! What the use cases and the backends of the libraries share.

use std::sync::Arc;

use aicp_backends::EnrolledFace;
use aicp_store::{Algorithm, NewFace, NewPerson, NewTemplate, Store};
use aicp_types::{Clock, UnixMillis};

use crate::ids::Ids;
use crate::people::PersonData;
use crate::random::random_hex32;
use crate::{BadInput, Result};

/// The store, and what new rows are made of.
pub(crate) struct Shared {
    pub store: Store,
    pub ids: Ids,
    pub clock: Arc<dyn Clock>,
    /// Algorithm of the built-in engine.
    pub algorithm: Algorithm,
}

/// Maximum length of a library's id, and of a person's id and name: an entry of an index of PostgreSQL has no room for more.
pub(crate) const MAX_KEY_BYTES: usize = 2000;

/// Refuses what no index takes.
///
/// # Errors
/// [`BadInput::PersonKey`].
pub(crate) fn require_short_keys(user_id: Option<&str>, name: Option<&str>) -> Result<()> {
    match user_id.into_iter().chain(name).all(|text| text.len() <= MAX_KEY_BYTES) {
        true => Ok(()),
        false => Err(BadInput::PersonKey { most: MAX_KEY_BYTES }.into()),
    }
}

impl Shared {
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    ///
    /// # Errors
    /// As [`require_short_keys`].
    pub fn new_person(&self, person: PersonData) -> Result<NewPerson> {
        require_short_keys(person.user_id.as_deref(), person.profile.name.as_deref())?;
        Ok(NewPerson {
            public_id: self.ids.person(),
            number: random_hex32()?,
            external_id: person.user_id,
            info: person.info,
            profile: person.profile,
            tags: person.tags.into_vec(),
            created_at: self.now(),
        })
    }

    /// Makes the row of a face; that of the default [`EnrolledFace`] is of a face at a remote engine.
    pub fn new_face(&self, added: EnrolledFace) -> NewFace {
        let seen = added.face.unwrap_or_default();
        let area = seen.area;
        NewFace {
            file_id: self.ids.file(),
            bounding_box: [area.x, area.y, area.width, area.height],
            confidence: seen.confidence,
            quality: added.quality,
            template: added.template.map(|vector| NewTemplate {
                algorithm: self.algorithm.clone(),
                vector,
                recognisability: added.recognisability,
            }),
            engine_ref: None,
        }
    }
}
