//! `aicp health`

use std::io::Write;

use super::async_runtime;
use crate::config::Config;
use crate::{Error, Result, control, data_dir, health};

/// Asks the server that has the data folder open whether it is ready, and prints its answer.
///
/// The control socket needs no token and no certificate, whatever the listeners are.
pub(crate) fn run(config: &Config) -> Result<()> {
    let socket = data_dir::control_socket(config);
    let (status, body) = async_runtime()?
        .block_on(control::ask(&socket, "GET", health::PATH, Vec::new()))
        .map_err(|source| Error::Io { path: socket, source })?;
    let answer = String::from_utf8_lossy(&body);
    if !status.is_success() {
        return Err(Error::Server(format!("not ready: {}", answer.trim_end())));
    }
    Ok(write!(std::io::stdout(), "{answer}")?)
}
