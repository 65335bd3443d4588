//! The commands, and which key they sign with.

mod key;
mod url;

use carillon_config::{Config, DEVELOPMENT_APP, UnknownVariable};
use carillon_proto::id::{AppId, UserId};
use carillon_proto::user_sig::UserSig;
use clap::{Args, Parser, Subcommand};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use tracing_subscriber::EnvFilter;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Self-hosted call server: signalling gateway and WebRTC media server in one process.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Configuration file; without one the defaults hold (development mode, on loopback)
    #[arg(long, short, global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default)
    Serve,
    /// Print a configuration file with every default and a fresh key
    Init {
        /// Write to this file instead, which must not exist
        #[arg(long, short)]
        output: Option<PathBuf>,
        /// The SDKAppID that clients will name
        #[arg(long, default_value_t = 1_400_000_001, value_parser = clap::value_parser!(u32).range(1..))]
        app: u32,
    },
    /// Print a UserSig
    UserSig(Signer),
    /// Print the signed address of a WHIP, WHEP, RTMP or HTTP-FLV client
    Url(url::Url),
    /// Read the configuration, say what is wrong with it
    CheckConfig,
}

/// Who is signed in where.
#[derive(Debug, Args)]
struct Signer {
    /// 1 to 32 letters, digits, - or _
    #[arg(long, short)]
    user: String,
    /// The SDKAppID; default: the first one of the configuration
    #[arg(long)]
    app: Option<u32>,
    /// Seconds until it expires
    #[arg(long, default_value_t = 7 * 24 * 3600)]
    expire: u64,
}

pub(crate) fn run(Arguments { command, config: file }: Arguments) -> Result<()> {
    let load = || Config::load(file.as_deref(), variables());
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve(load()?),
        Command::Init { output, app } => init(output.as_deref(), app),
        Command::UserSig(signer) => {
            let (_, _, sig) = signer.sign(&load()?)?;
            say(&sig)
        }
        Command::Url(url) => say(&url.make(&load()?)?),
        Command::CheckConfig => {
            let config = load()?;
            carillon::gateway::check_certificate(&config)?;
            unknown_variables().iter().for_each(|unknown| eprintln!("carillon: {unknown}"));
            let mode = if config.is_development() { " (no [[apps]]: development mode)" } else { "" };
            say(&format!("the configuration is good{mode}"))
        }
    }
}

fn serve(config: Config) -> Result<()> {
    start_log(&config)?;
    unknown_variables().iter().for_each(|unknown| tracing::warn!("{unknown}"));
    carillon::gateway::check_certificate(&config)?;
    let key = config.is_development().then(|| key::development(&config.store.path)).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(carillon::node::run(config, key));
    // What did not end within the time of a stop is not waited for.
    runtime.shutdown_background();
    ended
}

fn unknown_variables() -> Vec<UnknownVariable> {
    Config::unknown_variables(variables().map(|(name, _)| name))
}

/// Those that are text: ours are, others' are nothing to fail by.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log.level).map_err(|e| format!("log.level {:?}: {e}", config.log.level))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match config.log.format {
        carillon_config::log::Format::Text => log.init(),
        carillon_config::log::Format::Json => log.json().init(),
    }
    Ok(())
}

fn init(output: Option<&Path>, app: u32) -> Result<()> {
    let mut text = Config::print_default();
    text.push_str(&format!("\n[[apps]]\nid = {app}\nkeys = [\"{}\"]\n", key::fresh()));
    match output {
        Some(path) => {
            key::write_new(path, &text).map_err(|e| format!("{}: {e}", path.display()))?;
            say(&format!("wrote {}; it holds a secret key", path.display()))
        }
        None => say(text.trim_end()),
    }
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

impl Signer {
    fn sign(&self, config: &Config) -> Result<(AppId, UserId, String)> {
        let user = UserId::new(self.user.as_str()).ok_or("--user takes 1 to 32 letters, digits, - or _")?;
        let (app, key) = self.key(config)?;
        let time = carillon::clock::Clock::start().now().wall.0 / 1000;
        let sig = UserSig { app, user: user.clone(), time, expire: self.expire, userbuf: None };
        Ok((app, user, sig.make(&key)))
    }

    fn key(&self, config: &Config) -> Result<(AppId, String)> {
        if config.is_development() {
            let app = self.app.unwrap_or(DEVELOPMENT_APP);
            if app != DEVELOPMENT_APP {
                return Err(format!("there is no app {app}: development mode has app {DEVELOPMENT_APP} only").into());
            }
            return Ok((AppId(app), key::development(&config.store.path)?));
        }
        let app = match self.app {
            Some(id) => config.apps.iter().find(|app| app.id == id).ok_or_else(|| format!("there is no app {id}"))?,
            None => config.apps.first().ok_or("there is no app")?,
        };
        let key = app.keys.first().ok_or_else(|| format!("app {} has no key", app.id))?;
        Ok((AppId(app.id), key.reveal().to_owned()))
    }
}
