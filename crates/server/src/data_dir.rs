//! Files of the data folder that hold keys and tokens. Only their owner can read them.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aicp_platform::{AdminTokens, EarlierToken, MasterKey, MasterKeys, SecretFiles};
use jiff::Timestamp;

use crate::config::Config;
use crate::{Error, Result};

pub(crate) const DATABASE: &str = "aicp.db";
const KEY_FILE: &str = "secret.key";
const TOKEN_FILE: &str = "admin-token";
const EARLIER_TOKENS_FILE: &str = "admin-token.old";
const CONTROL_SOCKET: &str = "control.sock";

/// Admin token, those before it, and whether it was generated just now.
pub(crate) struct AdminToken {
    pub token: String,
    pub earlier: Vec<EarlierToken>,
    pub is_new: bool,
}

impl AdminToken {
    /// Returns the hashes of the tokens.
    pub fn hashes(&self) -> AdminTokens {
        AdminTokens::new(&self.token, self.earlier.clone())
    }
}

/// Returns the configured master keys, or those of the data folder, created on first use.
pub(crate) fn master_keys(config: &Config) -> Result<MasterKeys> {
    let path = key_file(config);
    let text = match &config.secret_key {
        Some(keys) => keys.reveal().to_owned(),
        None => read_or_create(&path, || Ok(MasterKey::generate()?.to_hex()))?.0,
    };
    MasterKeys::parse(&text).ok_or(Error::DataFile {
        path,
        reason: "not a key of 64 hex digits: put it back as it was, from a backup if need be",
    })
}

/// Refuses a data folder with a missing part: creating it anew would hide the loss, and the other parts are useless
/// without the old one. With `force_new`, a log that a new database would delete is renamed instead.
pub(crate) fn check_parts(config: &Config, force_new: bool) -> Result<()> {
    if config.database.url.is_some() {
        // A node with an empty folder joins others.
        return Ok(());
    }
    let [database, log, key] = [DATABASE, "aicp.db-wal", KEY_FILE].map(|name| config.data_dir.join(name));
    let objects = config.objects_folder();
    let is_there = |path: &Path| path.metadata().is_ok_and(|found| found.is_dir() || found.len() > 0);
    // Without a key in the settings, it is one of the parts.
    let parts: Vec<&PathBuf> = config.secret_key.is_none().then_some(&key).into_iter().chain([&objects]).collect();
    let lost = |path: &Path, beside: &Path| Error::MissingPart { path: path.to_owned(), beside: beside.to_owned() };
    if !is_there(&database) {
        // An aborted first start leaves an empty pictures folder.
        let beside = [&log, &objects].into_iter().find(|path| is_there(path) && (*path != &objects || has_files(path)));
        match beside {
            Some(beside) if !force_new => return Err(lost(&database, beside)),
            Some(_) if log.exists() => {
                let aside = config.data_dir.join(format!("aicp.db-wal.{}", std::process::id()));
                std::fs::rename(&log, &aside).map_err(Error::io(&log))?;
                tracing::warn!(path = %aside.display(), "the log of a database that is gone is put aside");
            }
            _ => {}
        }
    } else if !force_new && let Some(lost_part) = parts.into_iter().find(|path| !is_there(path)) {
        return Err(lost(lost_part, &database));
    }
    Ok(())
}

/// Returns whether any subfolder has a file.
fn has_files(folder: &Path) -> bool {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(folder).any(|inner| entries(&inner).next().is_some())
}

/// Returns the configured admin token, or those of the data folder, created on first use.
pub(crate) fn admin_token(config: &Config) -> Result<AdminToken> {
    if let Some(token) = &config.admin_token {
        return Ok(AdminToken { token: token.reveal().trim().to_owned(), earlier: Vec::new(), is_new: false });
    }
    let path = token_file(config);
    let (text, is_new) = read_or_create(&path, || Ok(aicp_platform::new_token()?))?;
    let token = text.trim().to_owned();
    if token.is_empty() {
        return Err(Error::DataFile { path, reason: "it is empty" });
    }
    Ok(AdminToken { token, earlier: earlier_tokens(config)?, is_new })
}

/// Reads the admin tokens that were replaced: a line each, with the hash and the time in milliseconds at which it ends.
fn earlier_tokens(config: &Config) -> Result<Vec<EarlierToken>> {
    let path = earlier_tokens_file(config);
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(Error::io(&path))?,
    };
    let tokens: Option<Vec<EarlierToken>> = text.lines().map(EarlierToken::from_line).collect();
    tokens.ok_or(Error::DataFile { path, reason: "not hashes of admin tokens: delete it, and they end" })
}

/// The files of a data folder that hold keys and tokens.
pub(crate) struct Files(Config);

impl Files {
    /// Returns the files that settings name.
    pub fn of(config: &Config) -> std::sync::Arc<dyn SecretFiles> {
        std::sync::Arc::new(Self(config.clone()))
    }
}

impl SecretFiles for Files {
    fn setting_of_keys(&self) -> Option<&'static str> {
        self.0.secret_key.as_ref().map(|_| "AICP_SECRET_KEY (the setting secret_key)")
    }

    fn setting_of_token(&self) -> Option<&'static str> {
        self.0.admin_token.as_ref().map(|_| "AICP_ADMIN_TOKEN (the setting admin_token)")
    }

    fn replace_keys(&self, known: &MasterKeys, wanted: &MasterKeys) -> std::io::Result<()> {
        let path = key_file(&self.0);
        if MasterKeys::parse(&std::fs::read_to_string(&path)?).as_ref() != Some(known) {
            return Err(std::io::Error::other("secret.key was changed since it was read: start the server again"));
        }
        replace(&path, &wanted.to_lines())
    }

    fn replace_token(&self, token: &str, earlier: &[EarlierToken]) -> std::io::Result<()> {
        let lines: Vec<String> = earlier.iter().map(EarlierToken::to_line).collect();
        let of_earlier = earlier_tokens_file(&self.0);
        if !lines.is_empty() {
            // The hashes come first: after a crash in between, the token of before is still valid, and stays so.
            replace(&of_earlier, &lines.join("\n"))?;
            return replace(&token_file(&self.0), token);
        }
        // The tokens that end come first: they must not outlive the one that ends them.
        match std::fs::remove_file(&of_earlier) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => sync_folder_of(&of_earlier)?,
        }
        replace(&token_file(&self.0), token)
    }
}

/// Returns the path of the master keys.
pub(crate) fn key_file(config: &Config) -> PathBuf {
    config.data_dir.join(KEY_FILE)
}

/// Notes that the folder was backed up as it was at this moment. Whoever can't note it has a backup still.
pub(crate) fn note_backup(config: &Config, moment: Timestamp) {
    let path = backup_file(&config.data_dir);
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
    let noted = file.and_then(|mut file| writeln!(file, "{moment}")).and_then(|()| std::fs::rename(&part, &path));
    if let Err(e) = noted {
        tracing::warn!(path = %path.display(), error = %e, "the moment of the backup can't be noted");
    }
}

/// Returns the path of the note of the last backup.
pub(crate) fn backup_file(data_dir: &Path) -> PathBuf {
    data_dir.join("last-backup")
}

/// Returns the path of the stored admin token.
pub(crate) fn token_file(config: &Config) -> PathBuf {
    config.data_dir.join(TOKEN_FILE)
}

/// Returns the path of the hashes of admin tokens that were replaced.
pub(crate) fn earlier_tokens_file(config: &Config) -> PathBuf {
    config.data_dir.join(EARLIER_TOKENS_FILE)
}

/// Returns the path of the control socket, on which a server takes local commands.
pub(crate) fn control_socket(config: &Config) -> PathBuf {
    config.data_dir.join(CONTROL_SOCKET)
}

/// Reads a file, or creates it. Returns the text and whether it is new. The file is complete and synced before it gets
/// its name.
fn read_or_create(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<(String, bool)> {
    match std::fs::read_to_string(path) {
        Ok(text) => return Ok((text, false)),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io(path)(e)),
    }
    let text = make()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Error::io(folder))?;
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        // Fails if another process created the file first; its contents then count.
        let linked = std::fs::hard_link(&part, path);
        std::fs::remove_file(&part)?;
        linked?;
        std::fs::File::open(folder)?.sync_all()
    };
    match write() {
        Ok(()) => Ok((text, true)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            Ok((std::fs::read_to_string(path).map_err(Error::io(path))?, false))
        }
        Err(e) => Err(Error::io(path)(e)),
    }
}

/// Replaces a file. It is complete and synced before it gets its name.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // A crash may have left one.
    match std::fs::remove_file(&new) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn key_and_token_are_made_once_and_private() {
        let folder = tempfile::tempdir().expect("temp dir");
        let config = Config { data_dir: folder.path().join("deep/data"), ..Config::default() };
        let key = master_keys(&config).expect("made").to_lines();
        assert_eq!(master_keys(&config).expect("read").to_lines(), key);
        let first = admin_token(&config).expect("made");
        let second = admin_token(&config).expect("read");
        assert!(first.is_new && !second.is_new && first.token == second.token);
        for name in [KEY_FILE, TOKEN_FILE] {
            let mode = config.data_dir.join(name).metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        std::fs::write(config.data_dir.join(KEY_FILE), "abc").expect("write");
        assert!(matches!(master_keys(&config), Err(Error::DataFile { .. })));
    }

    #[test]
    fn a_start_that_was_broken_off_is_told_from_a_loss() {
        let folder = tempfile::tempdir().expect("temp dir");
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let shard = folder.path().join("objects/00");
        std::fs::create_dir_all(&shard).expect("made");
        assert!(check_parts(&config, false).is_ok(), "nothing was kept yet");
        std::fs::write(shard.join("picture"), "x").expect("written");
        assert!(matches!(check_parts(&config, false), Err(Error::MissingPart { .. })));
        assert!(check_parts(&config, true).is_ok(), "it was insisted on");
    }
}
