//! An offer as WebRTC needs it (RFC 8829): checked once, before any transport is asked.

use super::{Kind, OfferedSection};
use crate::OfferError;
use carillon_proto::sdp::{self, Media, Problem, Security, Session, Setup};

/// An offer that was read and found well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub(super) session: Session,
    pub(super) ufrag: String,
    pub(super) pwd: String,
    /// SHA-256.
    pub(super) fingerprint: Vec<u8>,
}

impl Offer {
    /// Errors name the line or the rule (`OfferError::Malformed`, `Unsupported`, `Limit`).
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        let session = Session::parse(text).map_err(|e| match e.problem {
            Problem::Form(_) => malformed(&e.to_string()),
            Problem::Limit(..) => OfferError::Limit(e.to_string()),
        })?;
        check_sections(&session)?;
        let first = session.sections.iter().find(|s| !s.is_off());
        let first = first.ok_or_else(|| malformed("there is no section to negotiate"))?;
        let (own, outer) = (&first.security, &session.security);
        let ufrag = pick(own, outer, |s| s.ice_ufrag.clone()).ok_or_else(|| malformed("a=ice-ufrag is missing"))?;
        let pwd = pick(own, outer, |s| s.ice_pwd.clone()).ok_or_else(|| malformed("a=ice-pwd is missing"))?;
        let fingerprint = pick(own, outer, sha256).ok_or_else(|| no_sha256(own, outer))?;
        if !matches!(pick(own, outer, |s| s.setup), None | Some(Setup::ActPass | Setup::Active)) {
            let text = "a=setup must be actpass or active: the server is passive";
            return Err(OfferError::Unsupported(text.into()));
        }
        Ok(Self { ufrag, pwd, fingerprint, session })
    }

    /// The sections of audio and video, in order.
    pub fn sections(&self) -> impl Iterator<Item = OfferedSection<'_>> {
        self.session.sections.iter().filter(|s| !s.is_off()).filter_map(|s| offered(&self.session, s))
    }
}

/// `None`: neither audio nor video.
pub(super) fn offered<'a>(session: &Session, section: &'a sdp::Section) -> Option<OfferedSection<'a>> {
    let kind = match section.media {
        Media::Audio => Kind::Audio,
        Media::Video => Kind::Video,
        Media::Application | Media::Other(_) => return None,
    };
    let direction = section.direction.or(session.direction).unwrap_or(sdp::Direction::SendRecv);
    let mid = section.mid.as_deref()?;
    Some(OfferedSection { mid, kind, sends: direction.sends(), receives: direction.receives() })
}

fn check_sections(session: &Session) -> Result<(), OfferError> {
    let bundle = session.bundle().ok_or_else(|| OfferError::Unsupported("a=group:BUNDLE is missing".into()))?;
    let mut mids: Vec<&str> = Vec::new();
    for (n, section) in session.sections.iter().enumerate() {
        let mid = section.mid.as_deref().ok_or_else(|| malformed(&format!("section number {} has no a=mid", n + 1)))?;
        if mids.contains(&mid) {
            return Err(malformed(&format!("a=mid:{mid} names two sections")));
        }
        mids.push(mid);
        let media = matches!(section.media, Media::Audio | Media::Video);
        if section.is_off() || !media {
            continue;
        }
        if !bundle.iter().any(|m| m == mid) {
            return Err(OfferError::Unsupported(format!("section {mid} stands outside the BUNDLE group")));
        }
        if !section.rtcp_mux {
            return Err(OfferError::Unsupported(format!("section {mid} lacks a=rtcp-mux")));
        }
        if !section.protocol.ends_with("TLS/RTP/SAVPF") {
            return Err(OfferError::Unsupported(format!("section {mid} is {}, not encrypted media", section.protocol)));
        }
    }
    Ok(())
}

fn sha256(security: &Security) -> Option<Vec<u8>> {
    let of_sha256 = security.fingerprints.iter().find(|f| f.algorithm == "sha-256");
    of_sha256.filter(|f| f.digest.len() == 32).map(|f| f.digest.clone())
}

fn no_sha256(own: &Security, outer: &Security) -> OfferError {
    match own.fingerprints.first().or_else(|| outer.fingerprints.first()) {
        None => malformed("a=fingerprint is missing: without it nobody can tell who answers the handshake"),
        Some(f) if f.algorithm == "sha-256" => malformed("a=fingerprint:sha-256 is not 32 bytes long"),
        Some(f) => OfferError::Unsupported(format!("a=fingerprint is {} only, and must be sha-256", f.algorithm)),
    }
}

fn pick<T>(own: &Security, outer: &Security, what: impl Fn(&Security) -> Option<T>) -> Option<T> {
    what(own).or_else(|| what(outer))
}

fn malformed(what: &str) -> OfferError {
    OfferError::Malformed(what.to_owned())
}
