//! The page explains what the types allow.

use carillon_proto::gateway::{EVENTS, VERBS};

#[test]
fn every_verb_and_event_has_its_row() {
    let page = include_str!("../GATEWAY.md");
    for name in VERBS.iter().chain(EVENTS) {
        assert!(page.contains(&format!("\n| `{name}` |")), "{name}");
    }
}
