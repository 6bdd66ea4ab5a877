//! Id generators of this node.

use std::sync::Arc;

use aicp_store::LastIds;
use aicp_types::{Clock, FileId, Node, OutboxId, PublicId, Snowflake, Snowflakes, TraceId};

/// One generator per kind of id: the first face of a millisecond has the running number 0.
pub(crate) struct Ids {
    clock: Arc<dyn Clock>,
    people: Snowflakes,
    files: Snowflakes,
    outbox: Snowflakes,
    calls: Snowflakes,
}

impl Ids {
    /// Creates generators that continue after the highest ids of the store, even if the clock was set back since.
    pub fn after(last: LastIds, node: Node, clock: Arc<dyn Clock>) -> Self {
        let after = |last: Option<Snowflake>| {
            let generator = Snowflakes::new(node);
            if let Some(last) = last {
                generator.continue_after(last);
            }
            generator
        };
        let LastIds { person, file, outbox, call } = last;
        Self {
            clock,
            people: after(person.map(Snowflake::from)),
            files: after(file.map(Snowflake::from)),
            outbox: after(outbox.map(Snowflake::from)),
            calls: after(call.map(Snowflake::from)),
        }
    }

    pub fn person(&self) -> PublicId {
        self.people.next(self.clock.now()).into()
    }

    pub fn file(&self) -> FileId {
        self.files.next(self.clock.now()).into()
    }

    pub fn outbox(&self) -> OutboxId {
        self.outbox.next(self.clock.now()).into()
    }

    /// Makes all later ids of writes greater than this one.
    pub fn continue_outbox_after(&self, last: OutboxId) {
        self.outbox.continue_after(last.into());
    }

    pub fn call(&self) -> TraceId {
        self.calls.next(self.clock.now()).into()
    }
}
