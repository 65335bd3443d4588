//! Offers that cannot be answered: each refused with a text that names what is wrong, and nothing else changes.

use carillon_sfu::OfferError;
use carillon_sfu::transport::Offer;

const GOOD: &str = include_str!("../fixtures/chromium_mixed.sdp");

/// The good offer, each of its lines as `change` has it.
fn with(change: impl Fn(&str) -> Option<String>) -> String {
    GOOD.lines().filter_map(change).map(|line| line + "\r\n").collect()
}

fn without(start: &str) -> String {
    with(|line| (!line.starts_with(start)).then(|| line.to_owned()))
}

fn replaced(from: &str, to: &str) -> String {
    with(|line| Some(line.replace(from, to)))
}

fn refused(offer: &str) -> OfferError {
    Offer::parse(offer).expect_err("refused")
}

fn malformed(text: &str) -> OfferError {
    OfferError::Malformed(text.to_owned())
}

fn unsupported(text: &str) -> OfferError {
    OfferError::Unsupported(text.to_owned())
}

#[test]
fn the_good_offer_is_good() {
    assert!(Offer::parse(GOOD).is_ok());
}

#[test]
fn a_missing_fingerprint_is_named() {
    let text = "a=fingerprint is missing: without it nobody can tell who answers the handshake";
    assert_eq!(refused(&without("a=fingerprint")), malformed(text));
}

#[test]
fn a_sha1_fingerprint_is_named() {
    let sha1 = format!("a=fingerprint:sha-1 {}", ["AB"; 20].join(":"));
    let offer = with(|line| Some(if line.starts_with("a=fingerprint") { sha1.clone() } else { line.to_owned() }));
    assert_eq!(refused(&offer), unsupported("a=fingerprint is sha-1 only, and must be sha-256"));
}

#[test]
fn a_sha256_fingerprint_beside_a_sha1_one_is_enough() {
    let sha1 = format!("a=fingerprint:sha-1 {}\r\n", ["AB"; 20].join(":"));
    let both = with(|l| Some(if l.starts_with("a=fingerprint") { format!("{sha1}{l}") } else { l.to_owned() }));
    assert!(Offer::parse(&both).is_ok());
}

#[test]
fn a_short_fingerprint_is_named() {
    let short = |line: &str| line.strip_prefix("a=fingerprint").map(|rest| format!("a=fingerprint{}", &rest[..20]));
    let offer = with(|line| Some(short(line).unwrap_or_else(|| line.to_owned())));
    assert_eq!(refused(&offer), malformed("a=fingerprint:sha-256 is not 32 bytes long"));
}

#[test]
fn a_missing_bundle_is_named() {
    assert_eq!(refused(&without("a=group")), unsupported("a=group:BUNDLE is missing"));
}

#[test]
fn a_section_outside_the_bundle_is_named() {
    let offer = replaced("a=group:BUNDLE 0 1 2 3 4", "a=group:BUNDLE 0 2 3 4");
    assert_eq!(refused(&offer), unsupported("section 1 stands outside the BUNDLE group"));
}

#[test]
fn a_wrong_setup_is_named() {
    let text = "a=setup must be actpass or active: the server is passive";
    assert_eq!(refused(&replaced("a=setup:actpass", "a=setup:passive")), unsupported(text));
    assert_eq!(refused(&replaced("a=setup:actpass", "a=setup:holdconn")), unsupported(text));
    let error = refused(&replaced("a=setup:actpass", "a=setup:sideways"));
    assert_eq!(error, malformed("line 15: setup: unknown role"));
}

#[test]
fn a_missing_ice_ufrag_is_named() {
    assert_eq!(refused(&without("a=ice-ufrag")), malformed("a=ice-ufrag is missing"));
}

#[test]
fn a_missing_ice_pwd_is_named() {
    assert_eq!(refused(&without("a=ice-pwd")), malformed("a=ice-pwd is missing"));
}

#[test]
fn a_mid_of_two_sections_is_named() {
    assert_eq!(refused(&replaced("a=mid:1", "a=mid:0")), malformed("a=mid:0 names two sections"));
}

#[test]
fn a_missing_mid_is_named() {
    assert_eq!(refused(&without("a=mid:1")), malformed("section number 2 has no a=mid"));
}

#[test]
fn a_missing_rtcp_mux_is_named() {
    assert_eq!(refused(&without("a=rtcp-mux")), unsupported("section 0 lacks a=rtcp-mux"));
}

#[test]
fn plain_rtp_is_named() {
    let offer = replaced("m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 RTP/AVP");
    assert_eq!(refused(&offer), unsupported("section 0 is RTP/AVP, not encrypted media"));
}

#[test]
fn an_offer_of_10_000_lines_is_refused_with_the_bound() {
    let long = format!("{GOOD}{}", "a=x-nothing:1\r\n".repeat(10_000));
    let text = "line 756: too many lines in one section, 400 are allowed";
    assert_eq!(refused(&long), OfferError::Limit(text.to_owned()));
}

#[test]
fn an_offer_of_many_sections_is_refused_with_the_bound() {
    let stopped = |n: usize| format!("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:x{n}\r\n");
    let long = format!("{GOOD}{}", (0..200).map(stopped).collect::<String>());
    assert!(matches!(refused(&long), OfferError::Limit(text) if text.ends_with("too many sections, 200 are allowed")));
}

#[test]
fn an_offer_of_a_megabyte_is_refused_with_the_bound() {
    let long = format!("{GOOD}a=x-{}\r\n", "x".repeat(1 << 20));
    let text = "line 1: too many bytes, 524288 are allowed";
    assert_eq!(refused(&long), OfferError::Limit(text.to_owned()));
}

#[test]
fn what_is_no_sdp_is_refused_with_its_line() {
    assert_eq!(refused(""), malformed("line 1: ends before v=, o= and s="));
    assert_eq!(refused("{\"sdp\": 1}"), malformed("line 1: not of the form x=value"));
    assert_eq!(
        refused(&replaced("a=extmap:1 ", "a=extmap:zero ")),
        malformed("line 17: extmap: id[/direction] and URI expected")
    );
}
