//! `aicp key ...` and `aicp token ...`

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aicp_api::{ForgottenKeys, ResealingJob, RotatedKey, RotatedToken, ShownSecretKeys};
use aicp_platform::SecretEditor;
use aicp_types::SystemClock;
use clap::Subcommand;
use serde_json::{Value, json};

use super::app::{Server, as_json, from_json, print};
use super::{async_runtime, open_store_unless_served};
use crate::config::Config;
use crate::{Error, Result, data_dir};

/// What is said of a job that no server runs yet.
const NEXT_START: &str = "the next start of the server begins it";
/// What is said of a job that a server runs.
const IN_SERVER: &str = "the server runs it";

/// Commands on the secret keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys by ids that do not reveal them, and how much is sealed with each
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a new key in force, and start a job that seals all secrets with it; earlier keys still open and verify
    Rotate {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Start a job that seals all secrets with the current key
    Reseal {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget the earlier keys, if nothing is sealed with them
    Forget {
        /// Links to pictures that the earlier keys signed may become invalid
        #[arg(long)]
        break_links: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Commands on the admin token.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Replace the admin token, and print the new one this once
    Rotate {
        /// Hours for which the token of before stays valid
        #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
        keep_hours: u32,
        /// End the token of before, and all earlier ones, at once
        #[arg(long, conflicts_with = "keep_hours")]
        now: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command on the secret keys.
pub(crate) fn key(config: &Config, command: KeyCommand) -> Result<()> {
    match command {
        KeyCommand::List { json } => list(config, json),
        KeyCommand::Rotate { json } => rotate(config, json),
        KeyCommand::Reseal { json } => reseal(config, json),
        KeyCommand::Forget { break_links, json } => forget(config, break_links, json),
    }
}

/// Runs a command on the admin token.
pub(crate) fn token(config: &Config, command: TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Rotate { keep_hours, now, json } => rotate_token(config, if now { 0 } else { keep_hours }, json),
    }
}

/// Prints the secret keys, and how much is sealed with each.
fn list(config: &Config, json: bool) -> Result<()> {
    let (keys, _) = on_secrets(
        config,
        async |editor| Ok(as_json(&ShownSecretKeys::from(editor.key_uses().await?))),
        |server| server.call("GET", "/secret-keys", None),
    )?;
    if json {
        return print(&keys);
    }
    let ShownSecretKeys { items, unreadable, setting } = from_json(keys)?;
    let mut out = std::io::stdout().lock();
    for key in items {
        let role = if key.is_current { "current" } else { "earlier" };
        writeln!(out, "{}\t{role}\t{} sealed", key.id, key.sealed)?;
    }
    if unreadable > 0 {
        writeln!(out, "{unreadable} secrets are sealed with none of these keys")?;
    }
    if let Some(setting) = setting {
        writeln!(out, "the keys are set by {setting}")?;
    }
    Ok(())
}

/// Puts a new secret key in force, and starts the job that seals all secrets with it.
fn rotate(config: &Config, json: bool) -> Result<()> {
    if config.secret_key.is_some() {
        return Err(Error::Config(
            "the keys are set by AICP_SECRET_KEY: put a new key of 64 hex digits (openssl rand -hex 32) in front of those of the \
             variable, on every node, start the server again, and then run `aicp key reseal`"
                .to_owned(),
        ));
    }
    let (made, who_runs) = on_secrets(
        config,
        async |editor| {
            let (id, job) = editor.rotate_key().await?;
            Ok(as_json(&RotatedKey { id, job_id: job.to_string() }))
        },
        |server| server.call("POST", "/secret-keys", None),
    )?;
    if json {
        return print(&made);
    }
    let RotatedKey { id, job_id } = from_json(made)?;
    writeln!(std::io::stdout(), "secret key {id} is in force")?;
    Ok(writeln!(std::io::stdout(), "job {job_id} seals all secrets with it: {who_runs}")?)
}

/// Starts the job that seals all secrets with the current key.
fn reseal(config: &Config, json: bool) -> Result<()> {
    let (made, who_runs) = on_secrets(
        config,
        async |editor| Ok(as_json(&ResealingJob { job_id: editor.reseal().await?.to_string() })),
        |server| server.call("POST", "/secret-keys/reseal", None),
    )?;
    if json {
        return print(&made);
    }
    let ResealingJob { job_id } = from_json(made)?;
    Ok(writeln!(std::io::stdout(), "job {job_id} seals all secrets with the current key: {who_runs}")?)
}

/// Forgets the earlier secret keys.
fn forget(config: &Config, may_break_links: bool, json: bool) -> Result<()> {
    let (done, _) = on_secrets(
        config,
        async |editor| Ok(as_json(&ForgottenKeys { forgotten: editor.forget_keys(may_break_links).await? })),
        |server| server.call("DELETE", &format!("/secret-keys?breakLinks={may_break_links}"), None),
    )?;
    if json {
        return print(&done);
    }
    let ForgottenKeys { forgotten } = from_json(done)?;
    if forgotten.is_empty() {
        writeln!(std::io::stdout(), "there are no earlier keys")?;
    }
    forgotten.iter().try_for_each(|id| writeln!(std::io::stdout(), "secret key {id} is forgotten"))?;
    Ok(())
}

/// Replaces the admin token, and prints the new one.
fn rotate_token(config: &Config, keep_hours: u32, json: bool) -> Result<()> {
    let keep = Duration::from_secs(u64::from(keep_hours) * 3600);
    let (made, _) = on_secrets(
        config,
        async |editor| {
            let known = data_dir::admin_token(config)?.hashes();
            Ok(as_json(&RotatedToken::from(editor.rotate_admin_token(known, keep).await?)))
        },
        |server| server.call("POST", "/admin-token", Some(json!({ "earlierHours": keep_hours }))),
    )?;
    if json {
        return print(&made);
    }
    let RotatedToken { token, earlier_valid_until } = from_json(made)?;
    writeln!(std::io::stdout(), "admin token: {token}")?;
    match earlier_valid_until {
        Some(time) => writeln!(std::io::stdout(), "the one before is valid until {time}")?,
        None => writeln!(std::io::stdout(), "those before have ended")?,
    }
    Ok(())
}

/// Runs an operation on the data folder, or through the server that has it open. Returns its result, and who runs its job.
fn on_secrets(
    config: &Config,
    here: impl AsyncFnOnce(&SecretEditor) -> Result<Value>,
    there: impl FnOnce(&Server) -> Result<Value>,
) -> Result<(Value, &'static str)> {
    data_dir::check_parts(config, false)?;
    let outcome = async_runtime()?.block_on(async {
        // A new folder gets its key first, without which the database would be useless.
        data_dir::master_keys(config)?;
        let Some(store) = open_store_unless_served(config).await? else { return Ok::<_, Error>(None) };
        // Read once more: nobody else changes them while the folder is ours.
        let keys = data_dir::master_keys(config)?;
        let editor = SecretEditor::new(store, keys, data_dir::Files::of(config), Arc::new(SystemClock));
        let outcome = here(&editor).await;
        editor.close().await?;
        outcome.map(Some)
    })?;
    match outcome {
        Some(outcome) => Ok((outcome, NEXT_START)),
        None => Ok((there(&Server::of(config))?, IN_SERVER)),
    }
}
