//! The commented sample file, out of the types.

use crate::section::written;
use crate::{Config, Knob};

impl Config {
    /// All sections with their defaults, explanations and bounds: `default.toml`.
    pub fn print_default() -> String {
        let mut text = HEAD.to_owned();
        for section in Self::sections() {
            text.push('\n');
            push_comment(&mut text, section.doc);
            text.push_str(&format!("[{}]\n", section.name));
            for knob in section.knobs {
                push_knob(&mut text, knob, &section.defaults[knob.name]);
            }
        }
        text.push_str(APPS);
        text
    }
}

const HEAD: &str = "\
# Everything that can be set, with its default. A key that is left out has its default; an unknown key is refused.
# Each key is also an environment variable, which wins over the file: CARILLON_LISTEN_HTTP for http of [listen].
";

const APPS: &str = r#"
# Who may sign in: one block per app, [[apps]] repeated. Without any the server runs in development mode: it makes an
# app with a key of its own, signs everybody in on the demo page, and listens on loopback only.
# `carillon init` writes a file with a fresh key. As a variable: CARILLON_APPS='[{ id = 1400000001, keys = ["…"] }]'
# [[apps]]
# id = 1400000001
# keys = ["…"]       # the first signs, all verify: put a new one in front, drop the old one when its UserSigs are over
# admins = ["administrator"]   # users whose UserSig may use the REST face
# callbacks = { url = "", token = "", room_url = "", room_key = "" }   # webhooks of calls, of rooms and media
# streams = { publish = [], play = [] }   # keys of RTMP and FLV addresses that your back end signs by txSecret and txTime
# devices = "all"    # or "one_per_platform", "newest_wins": which of a user's devices stay when one more signs in
"#;

fn push_knob(text: &mut String, knob: &Knob, default: &toml::Value) {
    text.push('\n');
    push_comment(text, knob.doc);
    if let Some(allowed) = knob.allowed {
        text.push_str(&format!("# Allowed: {}.\n", written(allowed)));
    }
    text.push_str(&format!("{} = {default}\n", knob.name));
}

fn push_comment(text: &mut String, doc: &[&str]) {
    for line in doc {
        text.push_str(&format!("#{line}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn default_toml_is_printed_from_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/default.toml");
        if std::env::var_os("CARILLON_REGENERATE").is_some() {
            std::fs::write(path, Config::print_default()).expect("default.toml is writable");
        }
        let committed = std::fs::read_to_string(path).expect("default.toml is there");
        assert!(committed == Config::print_default(), "run the tests once with CARILLON_REGENERATE=1, then commit");
    }

    #[test]
    fn every_sample_is_taken() {
        let samples = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the folder is there");
        let mut seen = 0;
        for path in samples.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if name.ends_with(".toml") && name != "Cargo.toml" {
                Config::load(Some(&path), []).unwrap_or_else(|error| panic!("{error}"));
                seen += 1;
            }
        }
        assert!(seen >= 2);
        let printed = Config::parse(Path::new("default.toml"), &Config::print_default(), []);
        assert_eq!(printed.ok(), Some(Config::default()));
    }
}
