//! Behaviour of the store through its public API, on real SQLite in temporary folders.

mod bulk;
mod calls;
mod concurrency;
mod console;
mod copies;
mod crash;
mod devices;
mod directory;
mod fixture;
mod grants;
mod groups;
mod judgements;
mod keys;
mod libraries;
mod links;
mod outbox;
mod people;
mod pictures;
mod recovery;
mod rows;
mod social;
mod templates;
