//! Types to text, in the order in which Chromium writes.

use super::*;
use std::fmt::{Formatter, Result};

impl fmt::Display for Session {
    /// Lines end in CRLF.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Origin { username, session_id, version } = &self.origin;
        write!(f, "v=0\r\no={username} {session_id} {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n")?;
        for Group { semantics, mids } in &self.groups {
            write!(f, "a=group:{semantics}")?;
            mids.iter().try_for_each(|mid| write!(f, " {mid}"))?;
            f.write_str("\r\n")?;
        }
        flag(f, self.ice_lite, "ice-lite")?;
        flag(f, self.extmap_allow_mixed, "extmap-allow-mixed")?;
        security(f, &self.security)?;
        if let Some(direction) = self.direction {
            write!(f, "a={}\r\n", direction.as_str())?;
        }
        self.sections.iter().try_for_each(|s| section(f, s))
    }
}

fn section(f: &mut Formatter<'_>, s: &Section) -> Result {
    let media = match &s.media {
        Media::Audio => "audio",
        Media::Video => "video",
        Media::Application => "application",
        Media::Other(name) => name,
    };
    write!(f, "m={media} {} {} {}\r\nc=IN IP4 0.0.0.0\r\n", s.port, s.protocol, s.formats.join(" "))?;
    s.candidates.iter().try_for_each(|c| write!(f, "a=candidate:{c}\r\n"))?;
    flag(f, s.end_of_candidates, "end-of-candidates")?;
    security(f, &s.security)?;
    line(f, "mid", &s.mid)?;
    flag(f, s.bundle_only, "bundle-only")?;
    flag(f, s.extmap_allow_mixed, "extmap-allow-mixed")?;
    s.extensions.iter().try_for_each(|e| extension(f, e))?;
    if let Some(direction) = s.direction {
        write!(f, "a={}\r\n", direction.as_str())?;
    }
    s.msids.iter().try_for_each(|m| msid(f, m))?;
    flag(f, s.rtcp_mux, "rtcp-mux")?;
    flag(f, s.rtcp_rsize, "rtcp-rsize")?;
    line(f, "rtcp-xr", &s.rtcp_xr)?;
    s.payloads.iter().try_for_each(|p| payload(f, p))?;
    for Rid { id, sends } in &s.rids {
        write!(f, "a=rid:{id} {}\r\n", if *sends { "send" } else { "recv" })?;
    }
    line(f, "simulcast", &s.simulcast)?;
    for SsrcGroup { semantics, ssrcs } in &s.ssrc_groups {
        write!(f, "a=ssrc-group:{semantics}")?;
        ssrcs.iter().try_for_each(|ssrc| write!(f, " {ssrc}"))?;
        f.write_str("\r\n")?;
    }
    for Ssrc { ssrc, cname } in &s.ssrcs {
        match cname {
            Some(cname) => write!(f, "a=ssrc:{ssrc} cname:{cname}\r\n")?,
            None => write!(f, "a=ssrc:{ssrc}\r\n")?,
        }
    }
    Ok(())
}

fn security(f: &mut Formatter<'_>, s: &Security) -> Result {
    line(f, "ice-ufrag", &s.ice_ufrag)?;
    line(f, "ice-pwd", &s.ice_pwd)?;
    line(f, "ice-options", &s.ice_options)?;
    for Fingerprint { algorithm, digest } in &s.fingerprints {
        write!(f, "a=fingerprint:{algorithm} ")?;
        for (i, byte) in digest.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { "" } else { ":" })?;
        }
        f.write_str("\r\n")?;
    }
    match s.setup {
        Some(setup) => write!(f, "a=setup:{}\r\n", setup.as_str()),
        None => Ok(()),
    }
}

fn extension(f: &mut Formatter<'_>, e: &Extension) -> Result {
    match e.direction {
        Some(direction) => write!(f, "a=extmap:{}/{} {}\r\n", e.id, direction.as_str(), e.uri),
        None => write!(f, "a=extmap:{} {}\r\n", e.id, e.uri),
    }
}

fn msid(f: &mut Formatter<'_>, Msid { stream, track }: &Msid) -> Result {
    match track.as_str() {
        "" => write!(f, "a=msid:{stream}\r\n"),
        _ => write!(f, "a=msid:{stream} {track}\r\n"),
    }
}

fn payload(f: &mut Formatter<'_>, p: &Payload) -> Result {
    let number = p.payload_type;
    if !p.name.is_empty() {
        write!(f, "a=rtpmap:{number} {}/{}", p.name, p.clock_rate)?;
        if let Some(channels) = p.channels {
            write!(f, "/{channels}")?;
        }
        f.write_str("\r\n")?;
    }
    p.feedback.iter().try_for_each(|feedback| write!(f, "a=rtcp-fb:{number} {feedback}\r\n"))?;
    match &p.fmtp {
        Some(fmtp) => write!(f, "a=fmtp:{number} {fmtp}\r\n"),
        None => Ok(()),
    }
}

fn line(f: &mut Formatter<'_>, name: &str, value: &Option<String>) -> Result {
    match value {
        Some(value) => write!(f, "a={name}:{value}\r\n"),
        None => Ok(()),
    }
}

fn flag(f: &mut Formatter<'_>, set: bool, name: &str) -> Result {
    if set { write!(f, "a={name}\r\n") } else { Ok(()) }
}
