//! The page explains what the types allow.

use carillon_proto::gateway::{EVENTS, VERBS};

#[test]
fn every_verb_and_event_has_its_row() {
    let page = include_str!("../GATEWAY.md");
    for name in VERBS.iter().chain(EVENTS) {
        assert!(page.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn every_error_code_close_code_and_reason_is_explained() {
    let page = include_str!("../GATEWAY.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let first_cells: Vec<&str> = rows.iter().filter_map(|row| row.split('|').nth(1)).collect();
    let types = include_str!("../src/gateway/frame.rs");
    let constants = types.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.strip_suffix(';'));
    let numbers: Vec<&str> = constants.filter_map(|line| Some(line.split_once(" = ")?.1)).skip(1).collect();
    assert!(numbers.len() > 30, "close codes and error codes: {numbers:?}");
    for number in numbers {
        let told = first_cells.iter().any(|cell| cell.split(',').any(|told| told.trim() == number));
        assert!(told, "{number} has no row");
    }
}
