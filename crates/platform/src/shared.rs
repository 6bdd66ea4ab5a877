//! What the use cases and the backends of the libraries share.

use std::sync::Arc;

use aicp_backends::EnrolledFace;
use aicp_store::{Algorithm, NewFace, NewPerson, NewTemplate, Store};
use aicp_types::{Clock, UnixMillis};

use crate::Result;
use crate::ids::Ids;
use crate::people::PersonData;
use crate::random::random_hex32;

/// The store, and what new rows are made of.
pub(crate) struct Shared {
    pub store: Store,
    pub ids: Ids,
    pub clock: Arc<dyn Clock>,
    /// Algorithm of the built-in engine.
    pub algorithm: Algorithm,
}

impl Shared {
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub fn new_person(&self, person: PersonData) -> Result<NewPerson> {
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
