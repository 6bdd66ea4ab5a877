//! The command line.

use std::io::Write;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use aicp_dialects::KeyRequest;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::cert::NewCertificate;
use crate::commands::secrets::{KeyCommand, TokenCommand};
use crate::commands::{
    about, app, backup, bench, cert, check, compare, detect, export, health, import, models, secrets, serve, settings,
    store,
};
use crate::config::{Config, DatabaseFlags, Flags, Listen, Live, ObjectsFlags, TlsFlags};
use crate::tls::Tls;
use crate::{Error, Result, config, logging};

/// AICP, a self-hosted face-identity platform.
#[derive(Debug, Parser)]
#[command(name = "aicp", version, disable_help_subcommand = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// Settings in TOML
    #[arg(long, global = true, value_name = "FILE", env = "AICP_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of database, pictures and keys [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL database (postgres://USER@HOST/NAME) instead of SQLite in the data folder; a password is better set as
    /// AICP_DATABASE__URL
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Folder of pictures, or with PostgreSQL bucket (s3://NAME?endpoint=URL); nodes share it [default: objects in the data folder]
    #[arg(long, global = true, value_name = "URL")]
    objects: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve
    Serve {
        /// Address and dialect, ADDR[=legacy|micro|auto|metrics][+plain|+mtls]; may be repeated [default: 127.0.0.1:9012=auto]
        #[arg(long, value_name = "ADDR[=DIALECT]")]
        listen: Vec<Listen>,
        /// Certificate in PEM; the listeners speak TLS, except those marked +plain
        #[arg(long, value_name = "FILE")]
        tls_cert: Option<PathBuf>,
        /// Private key of the certificate in PEM
        #[arg(long, value_name = "FILE")]
        tls_key: Option<PathBuf>,
        /// Start anew although a part of the data folder is gone: without its database, or with a new key
        #[arg(long)]
        new: bool,
    },
    /// Find the faces in a picture, with landmarks, quality and liveness
    Detect {
        /// The picture
        picture: PathBuf,
        /// Write the picture with the faces marked, as PNG
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare the largest faces of two pictures
    Compare {
        /// One picture
        a: PathBuf,
        /// The other
        b: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the people, pictures and templates of a library into a folder, which `aicp import` restores
    Export {
        /// Library to export
        #[arg(long, value_name = "ID")]
        library: String,
        /// The folder, made by this command; a zip archive if the name ends with .zip
        to: PathBuf,
        /// App that owns the library
        #[arg(long, value_name = "APP", default_value = aicp_platform::ADMIN_APP)]
        app: String,
        /// Leave out the templates, so that an import computes them anew
        #[arg(long)]
        without_templates: bool,
    },
    /// Enrol a folder that has one folder of pictures per person, or restore a folder that `aicp export` wrote
    #[command(visible_alias = "enrol")]
    Import {
        /// The folder
        dir: PathBuf,
        /// Library to enrol into, made if there is none [default: that of the export]
        #[arg(long, value_name = "ID")]
        library: Option<String>,
        /// App that owns the library
        #[arg(long, value_name = "APP", default_value = aicp_platform::ADMIN_APP)]
        app: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read everything in the data folder and tell what is not as it was stored; no server may have it open
    Check {
        /// Repair what can be repaired without loss, and set aside files that nothing refers to
        #[arg(long)]
        repair: bool,
        /// Backup from which --repair takes pictures that are lost, as for `aicp backup`
        #[arg(long, value_name = "BACKUP", requires = "repair")]
        from: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Back up the data folder, also while a server has it open; a further backup to the same place writes only what is new
    Backup {
        /// A folder, or s3://BUCKET[/PREFIX][?endpoint=URL&region=REGION]
        #[arg(value_name = "TO")]
        to: String,
        /// Delete all but the latest N snapshots afterwards [default: keep all]
        #[arg(long, value_name = "N")]
        keep: Option<NonZeroUsize>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Restore a backup into a new data folder; what is damaged is refused
    Restore {
        /// The backup, as for `aicp backup`
        #[arg(value_name = "FROM")]
        from: String,
        /// Snapshot, or the beginning of its name such as 20261129 [default: the latest]
        #[arg(long, value_name = "NAME")]
        snapshot: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a whole backup and tell what is damaged
    BackupVerify {
        /// The backup, as for `aicp backup`
        #[arg(value_name = "FROM")]
        from: String,
        /// Snapshot, or the beginning of its name [default: all]
        #[arg(long, value_name = "NAME")]
        snapshot: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask the server that has the data folder open whether it is ready; ends with 1 and the reason if not
    Health,
    /// Apps and the keys that they sign with, in the data folder or, if a server has it open, through that
    App {
        #[command(subcommand)]
        command: AppCommand,
    },
    /// The secret keys, in the data folder or, if a server has it open, through that
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// The admin token, in the data folder or, if a server has it open, through that
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Databases
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Measure this machine
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Certificates
    Cert {
        #[command(subcommand)]
        command: CertCommand,
    },
    /// The model files
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// The settings
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print the version, the commit, and what is built in
    Version {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write manual pages, one for each command
    Man {
        /// Folder of the pages, such as /usr/local/share/man/man1
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    /// List the apps
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys of an app, revoked ones too
    Keys {
        /// The app
        app: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a key for an app, and print its secret this once
    AddKey {
        /// The app, made if there is none
        app: String,
        /// Interface that the key is for
        #[arg(long, value_name = "KIND", value_parser = ["jdcloud", "alibaba", "tencent-im"])]
        kind: String,
        /// Take MD5 signatures too, which bind neither path nor body (jdcloud)
        #[arg(long)]
        allow_md5: bool,
        /// Take a signed request more than once (jdcloud, alibaba)
        #[arg(long)]
        allow_replay: bool,
        /// Calls in a second [default: any number]
        #[arg(long, value_name = "N")]
        calls_per_second: Option<NonZeroU32>,
        /// Calls in a day [default: any number]
        #[arg(long, value_name = "N")]
        calls_per_day: Option<u64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key of an app
    RevokeKey {
        /// The app
        app: String,
        /// What the client sends: access key or sdkappid
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Copy all rows of a database into an empty one, and compare both; no server may use either
    Copy {
        /// The source: sqlite:FILE (aicp.db of a data folder, or the folder), postgres://USER@HOST/NAME, or postgres for the database of the settings
        from: String,
        /// The target, likewise
        to: String,
    },
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// How fast, how exactly and in how much memory a library is searched
    Gallery(aicp_measure::gallery::Request),
    /// What a picture costs, stage by stage, on one thread
    Vision(aicp_measure::vision::Request),
    /// Recognition over HTTP as the number of clients grows
    Service(aicp_measure::service::Request),
}

#[derive(Debug, Subcommand)]
enum CertCommand {
    /// Make a key and a certificate that it signs itself, for trials: tls.key and tls.crt
    Make {
        /// Host names and addresses that the certificate is for
        #[arg(value_name = "HOST", default_values = ["localhost", "127.0.0.1", "::1"])]
        hosts: Vec<String>,
        /// Folder of the files
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// Overwrite files that are there
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Check every file against the manifest
    Verify,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every setting and where it came from, secrets masked
    Show,
    /// Check the settings for serving, and end with 2 if one is wrong
    Check,
    /// Print a settings file with every setting, its meaning and its default
    Default {
        /// Print the table of docs/settings.md instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print the settings that differ from their defaults, secrets masked
    Diff,
    /// Change a setting, at once and for good: in the running server, or else in the data folder
    Set {
        /// Name of the setting, such as recognition.threshold
        name: String,
        /// The value in JSON or TOML, or a text
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Why; it stays in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take back what `set` did to a setting: the value of file, environment or default counts again
    Unset {
        /// Name of the setting
        name: String,
        /// Why; it stays in the history
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Print the changes of settings, the newest first
    History {
        /// Only changes of this setting
        #[arg(long, value_name = "NAME")]
        setting: Option<String>,
        /// Number of changes
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take back the last change of a setting
    Undo {
        /// Number of the change, from the history
        number: i64,
        /// Why; it stays in the history
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// Runs the program. Exit codes: 0 success, 1 failure, 2 wrong usage, or wrong settings that `config check` finds.
pub fn main() -> ExitCode {
    // Wrong arguments end the process with code 2 and a message.
    let cli = Cli::parse();
    let failure = match cli.command {
        Command::Config { command: ConfigCommand::Check } => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            failure
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    if let Command::Config { command: ConfigCommand::Default { markdown } } = cli.command {
        // Wrong settings must not stand in the way of the right ones.
        let list = if markdown { config::markdown_table() } else { config::default_file() };
        write!(std::io::stdout(), "{}", list?)?;
        return Ok(());
    }
    // None of these needs settings.
    let cli = match cli.command {
        Command::Cert { command: CertCommand::Make { hosts, out, force } } => {
            return cert::make(&NewCertificate { out, hosts, force });
        }
        Command::Version { json } => return about::version(json),
        Command::Completions { shell } => return about::completions(Cli::command(), shell),
        Command::Man { dir } => return about::man(Cli::command(), &dir),
        command => Cli { command, ..cli },
    };
    let Common { config, data_dir, database: url, objects } = cli.common;
    let (database, objects) = (DatabaseFlags { url }, ObjectsFlags { url: objects });
    let mut flags = Flags { data_dir, database, objects, ..Flags::default() };
    if let Command::Serve { listen, tls_cert, tls_key, .. } = &cli.command {
        flags.listen.clone_from(listen);
        flags.tls = TlsFlags { cert_file: tls_cert.clone(), key_file: tls_key.clone() };
    }
    let loaded = Config::load(config.as_deref(), &flags)?;
    logging::start(&loaded.config.log)?;
    let config = loaded.config.clone();
    let live = Arc::new(Live::new(loaded)?);
    match cli.command {
        Command::Serve { new, .. } => serve::run(live, new),
        Command::Detect { picture, out, json } => detect::run(&config, &picture, out.as_deref(), json),
        Command::Compare { a, b, json } => compare::run(&config, &a, &b, json),
        Command::Export { library, to, app, without_templates } => {
            export::run(&live, &to, &app, &library, !without_templates)
        }
        Command::Import { dir, library, app, json } => import::run(&live, &dir, &app, library.as_deref(), json),
        Command::Check { repair: false, json, .. } => check::run(&config, json),
        Command::Check { repair: true, from, json } => check::repair(&live, from.as_deref(), json),
        Command::Backup { to, keep, json } => backup::take(&config, &to, keep.map(NonZeroUsize::get), json),
        Command::Restore { from, snapshot, json } => backup::restore(&config, &from, snapshot.as_deref(), json),
        Command::BackupVerify { from, snapshot, json } => backup::verify(&config, &from, snapshot.as_deref(), json),
        Command::Health => health::run(&config),
        Command::App { command } => match command {
            AppCommand::List { json } => app::list(&config, json),
            AppCommand::Keys { app, json } => app::keys(&config, &app, json),
            AppCommand::AddKey { app, kind, allow_md5, allow_replay, calls_per_second, calls_per_day, json } => {
                let wanted = KeyRequest { kind, allow_md5, allow_replay, calls_per_second, calls_per_day };
                app::add_key(&config, &app, &wanted, json)
            }
            AppCommand::RevokeKey { app, id } => app::revoke_key(&config, &app, &id),
        },
        Command::Key { command } => secrets::key(&config, command),
        Command::Token { command } => secrets::token(&config, command),
        Command::Store { command: StoreCommand::Copy { from, to } } => store::copy(&config, &from, &to),
        Command::Bench { command } => match command {
            BenchCommand::Gallery(request) => bench::gallery(&request),
            BenchCommand::Vision(request) => bench::vision(&config, &request),
            BenchCommand::Service(request) => bench::service(&config, &request),
        },
        Command::Models { command: ModelsCommand::Verify } => models::verify(&config),
        // Done above.
        Command::Cert { .. } | Command::Version { .. } | Command::Completions { .. } | Command::Man { .. } => Ok(()),
        Command::Config { command } => match command {
            ConfigCommand::Show => settings::show(&live, false),
            ConfigCommand::Diff => settings::show(&live, true),
            ConfigCommand::Check => {
                config.refuse_open_network()?;
                Tls::load(&config.tls)?;
                config.fetch.limits().map_err(|e| Error::Config(format!("fetch.extra_roots_file: {e}")))?;
                Ok(())
            }
            ConfigCommand::Set { name, value, reason } => settings::set(&live, &name, &value, &reason),
            ConfigCommand::Unset { name, reason } => settings::unset(&live, &name, &reason),
            ConfigCommand::History { setting, limit, json } => {
                settings::history(&live, setting.as_deref(), limit, json)
            }
            ConfigCommand::Undo { number, reason } => settings::undo(&live, number, reason.as_deref()),
            // Printed above.
            ConfigCommand::Default { .. } => Ok(()),
        },
    }
}
