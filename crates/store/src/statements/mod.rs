//! Statements, by aggregate: reads are methods of [`Rows`](crate::Rows), writes of [`Tx`](crate::Tx).
//!
//! They decide nothing: no limit, no permission, no state machine. A write that would break a reference or a unique
//! value fails; everything else is for the caller to decide, in the same transaction.
//!
//! All databases share these texts. What SQLite has and PostgreSQL has not: `json_each` (there `= ANY`), `INSTR`
//! (there `STRPOS`), `SUBSTR` with a 64-bit length (there cast to `int4`), `json_array` and `json_group_array` (there
//! `json_build_array` and `json_agg`), the two-argument `MAX` (there `GREATEST`), columns beside a `MAX` that stand
//! for the row it comes from (there `DISTINCT ON`), flags compared with 0 and 1, unqualified columns in `DO UPDATE
//! SET`, and `CROSS JOIN` and unary plus as planner hints.

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
pub(crate) use pictures::PictureClaim;
