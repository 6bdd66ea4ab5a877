//! Typed ids, times, versions and the clock, shared by all other crates.
//!
//! ```
//! use aicp_types::{Clock, ManualClock, Node, PublicId, Snowflakes, UnixMillis};
//!
//! let clock = ManualClock::at(UnixMillis::new(1_585_114_811_949));
//! let ids = Snowflakes::new(Node::default());
//! let id = PublicId::from(ids.next(clock.now()));
//! assert_eq!(id.to_string().len(), 19);
//! assert_eq!(id.created(), clock.now());
//! ```

mod clock;
mod ids;
mod sequence;
mod snowflake;
mod time;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ids::{
    AccountId, AuditId, ConsoleUserId, DeliveryId, DeviceId, EventId, FaceId, FileId, FriendGroupId, GroupId, JobId,
    KeyId, LibraryId, OperatorId, OperatorTokenId, OutboxId, PersonId, PublicId, RecognitionEntryId, SettingChangeId,
    SyncRelationId, TraceId, WebhookId,
};
pub use sequence::Sequence;
pub use snowflake::{Node, Snowflake, Snowflakes};
pub use time::UnixMillis;
