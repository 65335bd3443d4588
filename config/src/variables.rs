//! Names of environment variables: those that set something, and those that look as if they were to.

use crate::{Config, Knob};
use std::fmt;

/// Every key is also a variable: `CARILLON_LISTEN_HTTP` for `http` of `[listen]`.
const PREFIX: &str = "CARILLON_";
/// The variable of `[[apps]]`.
pub(crate) const APPS: &str = "CARILLON_APPS";
/// A name within so many letters of a known one is taken for a slip, whatever section it names.
const SLIPS_MAX: usize = 2;

/// A variable that sets nothing, though its name looks like one that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    pub name: String,
    /// The known one that is spelt most alike.
    pub nearest: String,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "environment variable {} sets nothing: there is no such key; the nearest is {}",
            self.name, self.nearest
        )
    }
}

impl Config {
    /// Which of these names of variables seem to be misspelt: they begin like those of a section, or all but are a known
    /// one. An error would be too much, as others give such names too: an orchestrator makes `CARILLON_PORT` for a
    /// service called carillon, and `CARILLON_RTMP_SERVICE_HOST` for one called carillon-rtmp.
    pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<UnknownVariable> {
        let known = known();
        names.into_iter().filter_map(|name| slip(&known, name)).collect()
    }
}

/// The variable of a knob.
pub(crate) fn variable(section: &str, knob: &str) -> String {
    format!("{PREFIX}{section}_{knob}").to_uppercase()
}

fn known() -> Vec<String> {
    let sections = Config::sections();
    let knobs =
        sections.iter().flat_map(|section| section.knobs.iter().map(|Knob { name, .. }| variable(section.name, name)));
    knobs.chain([APPS.to_owned()]).collect()
}

fn slip(known: &[String], name: String) -> Option<UnknownVariable> {
    if !name.starts_with(PREFIX) || known.contains(&name) {
        return None;
    }
    let (slips, nearest) = known.iter().map(|known| (edits(&name, known), known)).min()?;
    let in_section = || Config::sections().iter().any(|section| name.starts_with(&variable(section.name, "")));
    (slips <= SLIPS_MAX || in_section()).then(|| UnknownVariable { nearest: nearest.clone(), name })
}

/// How many letters must be put in, left out or changed to make one of the other (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, of_a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, of_b) in b.iter().enumerate() {
            let change = diagonal + usize::from(of_a != *of_b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(name: &str) -> Option<String> {
        Config::unknown_variables([name.to_owned()]).pop().map(|unknown| unknown.nearest)
    }

    #[test]
    fn a_slip_is_told_with_the_nearest_name() {
        for (name, wanted) in [
            ("CARILLON_LISTEN_HTPP", "CARILLON_LISTEN_HTTP"),
            ("CARILLON_LISEN_HTTP", "CARILLON_LISTEN_HTTP"),
            ("CARILLON_LISTEN_UDPPORT", "CARILLON_LISTEN_UDP_PORT"),
            ("CARILLON_RTMP_LISTEN_SSL", "CARILLON_RTMP_LISTEN_TLS"),
            ("CARILLON_APP", "CARILLON_APPS"),
        ] {
            assert_eq!(nearest(name).as_deref(), Some(wanted), "{name}");
        }
        let unknown = Config::unknown_variables(["CARILLON_APP".to_owned()]);
        assert!(unknown[0].to_string().contains("CARILLON_APPS"), "{}", unknown[0]);
    }

    #[test]
    fn known_names_and_those_of_others_are_left_alone() {
        for name in known() {
            assert_eq!(nearest(&name), None, "{name}");
        }
        for name in ["CARILLON_PORT", "CARILLON_SERVICE_HOST", "CARILLON_BIN", "CARILLON_FIGURES", "HOME", ""] {
            assert_eq!(nearest(name), None, "{name}");
        }
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, wanted) in
            [("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!((edits(a, b), edits(b, a)), (wanted, wanted), "{a} {b}");
        }
    }
}
