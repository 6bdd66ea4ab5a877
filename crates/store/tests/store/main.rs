//! Behaviour of the store through its public API, on real SQLite in temporary folders.

mod concurrency;
mod crash;
mod fixture;
mod people;
mod pictures;
mod recovery;
mod rows;
mod templates;
