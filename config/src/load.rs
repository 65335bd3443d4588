//! From file and environment to a checked [`Config`], with errors that name the key, the value and what is allowed.

use crate::chat::validate_apps;
use crate::variables::{APPS, variable};
use crate::{Apps, BadValue, Config, Knob};
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Bytes of a configuration file. A hundred apps need a tenth.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug)]
pub enum LoadError {
    File { path: PathBuf, error: std::io::Error },
    Syntax { path: PathBuf, message: String },
    Value { source: String, bad: BadValue },
    UnknownSection { source: String, name: String },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Syntax { path, message } => write!(f, "{}: no TOML: {message}", path.display()),
            Self::Value { source, bad } => write!(f, "{source}: {bad}"),
            Self::UnknownSection { source, name } => {
                write!(f, "{source}: there is no section [{name}]; there are {} and [[apps]]", section_list())
            }
        }
    }
}

impl std::error::Error for LoadError {}

impl Config {
    /// Defaults, then the file if one is named, then the environment (`variables`: names and values), then the checks.
    pub fn load(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, LoadError> {
        let text = file.map(read).transpose()?.unwrap_or_default();
        Self::parse(file.unwrap_or_else(|| Path::new("(defaults)")), &text, variables)
    }

    /// The same from a file's text; `path` is only named in errors.
    pub fn parse(
        path: &Path,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, LoadError> {
        let source = path.display().to_string();
        let mut table: Table = toml::from_str(text).map_err(|error| syntax_error(path, text, &error))?;
        let known: Vec<_> = Self::sections().into_iter().map(|section| section.name).collect();
        if let Some(name) = table.keys().find(|name| !known.contains(&name.as_str()) && *name != "apps") {
            return Err(LoadError::UnknownSection { source, name: name.clone() });
        }
        let taken = take_variables(&mut table, variables);
        Self::read(table).map_err(|bad| LoadError::Value { source: blame(&source, &bad, &taken), bad })
    }

    fn read(mut table: Table) -> Result<Self, BadValue> {
        let apps = match table.remove("apps") {
            Some(apps) => read_apps(apps)?,
            None => Vec::new(),
        };
        let config = Self::read_sections(table, apps)?;
        config.validate()?;
        Ok(config)
    }

    /// What single values cannot say.
    fn validate(&self) -> Result<(), BadValue> {
        self.listen.validate()?;
        self.media.validate()?;
        self.call.validate()?;
        self.rtmp.validate()?;
        if self.rtmp.tls_address().is_some() && !self.listen.tls() {
            return Err(BadValue {
                key: "rtmp.listen_tls".to_owned(),
                value: format!("{:?}", self.rtmp.listen_tls),
                allowed: "RTMPS with listen.tls_cert and listen.tls_key only".to_owned(),
            });
        }
        validate_apps(&self.apps)?;
        let public = [
            ("listen.http", self.listen.http),
            ("listen.admin", self.listen.admin),
            ("rtmp.listen", self.rtmp.listen),
            ("rtmp.listen_tls", self.rtmp.tls_address().unwrap_or(self.rtmp.listen)),
        ];
        match public.into_iter().find(|(_, address)| self.is_development() && !address.ip().is_loopback()) {
            Some((knob, address)) => Err(BadValue {
                key: knob.to_owned(),
                value: format!("\"{address}\""),
                allowed: "loopback only while no [[apps]] are set (development mode signs anybody in); \
                          `carillon init` writes a config with an app"
                    .to_owned(),
            }),
            None => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<String, LoadError> {
    let fail = |error| LoadError::File { path: path.to_owned(), error };
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > FILE_BYTES_MAX {
        return Err(fail(std::io::Error::other(format!("{size} bytes are too many for a configuration"))));
    }
    std::fs::read_to_string(path).map_err(fail)
}

/// Values stay out of the error: they may be keys. Names of fields are told.
fn read_apps(value: Value) -> Result<Apps, BadValue> {
    value.try_into().map_err(|error: toml::de::Error| {
        let fields = ["missing field", "unknown field"].iter().any(|known| error.message().starts_with(known));
        BadValue {
            key: "apps".to_owned(),
            value: if fields {
                format!("({})", error.message().trim())
            } else {
                "(a value of another type)".to_owned()
            },
            allowed: "[[apps]] with id = a number and keys = [\"…\"]".to_owned(),
        }
    })
}

/// Where a file stops being TOML. The library's own text would quote the line, which may hold a key.
fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> LoadError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let (line, column) =
        (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
    let message = format!("line {line}, column {column}: {}", error.message().trim());
    LoadError::Syntax { path: path.to_owned(), message }
}

/// Which environment variable set a key, if one did.
fn blame(source: &str, bad: &BadValue, taken: &[(String, String)]) -> String {
    let variable = taken.iter().find(|(key, _)| *key == bad.key);
    variable.map_or_else(|| source.to_owned(), |(_, name)| format!("environment variable {name}"))
}

/// Puts the variables that name a knob into the table; gives the keys they set. Others may belong to somebody else
/// and are left alone (`Config::unknown_variables`).
fn take_variables(table: &mut Table, variables: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut taken = Vec::new();
    for (name, text) in variables {
        if name == APPS {
            table.insert("apps".to_owned(), parse_toml(&text).unwrap_or(Value::String(text)));
            taken.push(("apps".to_owned(), name));
            continue;
        }
        for section in Config::sections() {
            for Knob { name: knob, .. } in section.knobs {
                if name != variable(section.name, knob) {
                    continue;
                }
                let value = parse_like(section.defaults.get(*knob), &text);
                let entry = table.entry(section.name).or_insert_with(|| Value::Table(Table::new()));
                if let Some(section) = entry.as_table_mut() {
                    section.insert((*knob).to_owned(), value);
                }
                taken.push((format!("{}.{knob}", section.name), name.clone()));
            }
        }
    }
    taken
}

/// A variable's text as the kind of value that the default is. Lists: TOML, or parts between commas.
fn parse_like(default: Option<&Value>, text: &str) -> Value {
    match default {
        Some(Value::String(_)) | None => Value::String(text.to_owned()),
        Some(Value::Array(_)) if !text.trim_start().starts_with('[') => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(Value::from).collect())
        }
        Some(_) => parse_toml(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

fn parse_toml(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {text}")).ok()?.remove("value")
}

fn section_list() -> String {
    Config::sections().iter().map(|section| format!("[{}]", section.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::parse(Path::new("test.toml"), text, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(parse("", &[]), Ok(Config::default()));
    }

    #[test]
    fn every_key_has_its_variable() {
        for section in Config::sections() {
            for knob in section.knobs {
                let default = &section.defaults[knob.name];
                let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
                let name = format!("CARILLON_{}_{}", section.name, knob.name).to_uppercase();
                assert_eq!(parse("", &[(&name, &text)]), Ok(Config::default()), "{name}={text}");
            }
        }
        let config = parse("[listen]\nhttp = '127.0.0.1:1'", &[("CARILLON_LISTEN_HTTP", "127.0.0.1:2")]);
        assert_eq!(config.map(|config| config.listen.http.port()), Ok(2), "the environment wins over the file");
        let config = parse("", &[("CARILLON_LISTEN_ADVERTISE", "203.0.113.7, 2001:db8::1")]);
        assert_eq!(config.map(|config| config.listen.advertise.len()), Ok(2));
        let apps = r#"[{ id = 5, keys = ["0123456789abcdef"] }]"#;
        assert_eq!(parse("", &[("CARILLON_APPS", apps)]).map(|config| config.apps[0].id), Ok(5));
        assert_eq!(parse("", &[("CARILLON_PORT", "tcp://10.0.0.1:80")]), Ok(Config::default()));
    }

    #[test]
    fn errors_name_key_value_and_what_is_allowed() {
        for (text, parts) in [
            ("[gateway]\nping_interval_ms = 5", &["test.toml", "gateway.ping_interval_ms = 5", "1000 to 120000"][..]),
            ("[gateway]\nping_interval_ms = 'x'", &["gateway.ping_interval_ms = \"x\"", "1000 to 120000"]),
            ("[gateway]\npings = 5", &["gateway.pings", "no such key", "ping_interval_ms"]),
            ("[listen]\nhttp = 'here'", &["listen.http = \"here\"", "127.0.0.1:8080"]),
            ("[listen]\nudp_port = 70000", &["listen.udp_port = 70000", "0 to 65535"]),
            ("[log]\nformat = 'xml'", &["log.format", "`text` or `json`"]),
            ("[lisen]", &["[lisen]", "[listen]"]),
            ("listen = 5", &["listen = 5", "a section"]),
            ("\n[listen", &["test.toml", "no TOML", "line 2"]),
            ("[[apps]]\nid = 0\nkeys = ['0123456789abcdef']", &["apps[0].id = 0", "1..="]),
            ("[listen]\nhttp = '0.0.0.0:8080'", &["listen.http", "0.0.0.0:8080", "carillon init"]),
        ] {
            let error = parse(text, &[]).expect_err(text);
            for part in parts {
                assert!(error.contains(part), "{text}: {error:?} lacks {part:?}");
            }
        }
        let error = parse("", &[("CARILLON_LISTEN_HTTP", "x")]).expect_err("no address");
        assert!(error.contains("CARILLON_LISTEN_HTTP"), "{error}");
    }

    #[test]
    fn keys_never_show() {
        let secret = "0123456789abcdef0123";
        for text in [
            format!("[[apps]]\nid = 'x'\nkeys = ['{secret}']"),
            format!("[[apps]]\nid = 1\nkeys = ['{secret}', 'short']"),
            format!("[[apps]]\nid = 1\nkeys = '{secret}'"),
            format!("[[apps]]\nid = 1\nkeys = ['{secret}"),
        ] {
            let error = parse(&text, &[]).expect_err("bad app");
            assert!(!error.contains(secret), "{error}");
        }
        let text = format!("[[apps]]\nid = 1\nkeys = ['{secret}']");
        assert!(!format!("{:?}", parse(&text, &[])).contains(secret));
    }
}
