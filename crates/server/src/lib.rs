//! Parts of the `aicp` binary: command line, configuration, listeners, and offline commands.

mod annotate;
pub mod cli;
mod clock;
mod commands;
mod config;
mod connections;
mod console;
mod control;
mod data_dir;
mod database;
mod engines;
mod error;
mod health;
mod http;
mod idle;
mod limits;
mod line_ends;
mod logging;
mod metrics;
mod process;
mod proxies;
mod proxy_protocol;
mod templates;
mod tls;
mod traces;

pub use config::Config;
pub use error::{Error, Result};
