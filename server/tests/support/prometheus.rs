//! Prometheus' text format, as strictly as its documentation has it.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Page {
    /// By series: name and labels as they are written.
    pub values: BTreeMap<String, f64>,
    pub gauges: BTreeSet<String>,
}

impl Page {
    /// # Panics
    /// Where the text is not the format.
    pub fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let (mut helped, mut typed) = (String::new(), (String::new(), String::new()));
        let mut families = BTreeSet::new();
        assert!(text.ends_with('\n'), "the last line has an end");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                helped = rest.split(' ').next().expect("a name").to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a kind");
                assert_eq!(name, helped, "help and type of one family stand together");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(families.insert(name.to_owned()), "{name} has one place");
                typed = (name.to_owned(), kind.to_owned());
            } else {
                page.sample(line, &typed);
            }
        }
        page
    }

    fn sample(&mut self, line: &str, (family, kind): &(String, String)) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line:?}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels have an end")),
            None => (series, ""),
        };
        assert!(is_name(name) && name == family, "{line:?} stands in {family}");
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').expect("a label has a value");
            let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            assert!(is_name(name) && quoted.is_some_and(|v| !v.contains(['"', '\\', '\n'])), "{line:?}");
        }
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line:?}"));
        assert!(value.is_finite() && value >= 0.0, "{line:?}");
        assert!(self.values.insert(series.to_owned(), value).is_none(), "{series} stands once");
        if kind == "gauge" {
            self.gauges.insert(series.to_owned());
        }
    }

    /// The value of a series without its `carillon_`.
    pub fn get(&self, series: &str) -> f64 {
        let name = format!("carillon_{series}");
        *self.values.get(&name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    pub fn series(&self) -> BTreeSet<&str> {
        self.values.keys().map(String::as_str).collect()
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with(|c: char| c.is_ascii_digit())
}
