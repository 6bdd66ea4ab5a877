//! The cases, by what they are about.
#![allow(missing_docs, reason = "the name of a case says what it proves")]

pub mod bulk;
pub mod calls;
pub mod changes;
pub mod collector;
pub mod concurrency;
pub mod console;
pub mod copies;
pub mod devices;
pub mod directory;
pub mod events;
pub mod gallery_files;
pub mod grants;
pub mod groups;
pub mod idempotency;
pub mod jobs;
pub mod judgements;
pub mod keys;
pub mod libraries;
pub mod links;
pub mod lists;
pub mod moves;
pub mod operators;
pub mod outbox;
pub mod people;
pub mod pictures;
pub mod quotas;
pub mod recognitions;
pub mod rows;
pub mod settings;
pub mod social;
pub mod space;
pub mod tags;
pub mod templates;
