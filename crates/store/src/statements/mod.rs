//! Statements, by aggregate: reads are methods of [`Rows`](crate::Rows), writes of [`Tx`](crate::Tx).
//!
//! They decide nothing: no limit, no permission, no state machine. A write that would break a reference or a unique
//! value fails; everything else is for the caller to decide, in the same transaction.
//!
//! All databases share these texts, which are those of SQLite. `store-postgres` replaces phrases that PostgreSQL says otherwise:
//! `json_each` with a list as its parameter, `INSTR`, `LIKE` (which ignores the case of letters), `json_group_array` and `json_array`,
//! columns beside a `MAX` that stand for the row it comes from, and unary plus as a hint for the planner. Its schema has the
//! two-argument `MAX`. Beside these, a text must suit both: flags are compared with 0 and 1, `DO UPDATE SET` names the table of a
//! column, a query in `FROM` has a name, numbers in a `VALUES` of a `WITH` are cast, and two values that may be null are compared by
//! `IS DISTINCT FROM`.

mod apps;
mod audit;
mod bulk;
mod calls;
mod changes;
mod console;
pub(crate) mod convert;
mod devices;
mod directory;
mod events;
mod faces;
mod following;
mod gallery_files;
mod groups;
mod idempotency;
mod jobs;
mod keys;
mod libraries;
mod moves;
mod names;
mod operators;
mod outbox;
mod people;
mod pictures;
mod prefixes;
mod quotas;
mod recognitions;
mod sealed;
mod settings;
mod social;
mod tags;
mod templates;
mod webhooks;

pub(crate) use bulk::PreparedPeople;
pub use convert::vector_from_blob;
pub(crate) use pictures::{PictureClaim, new_generation};
