//! Text to types. One pass; what an attribute may say about a payload type that the m-line lacks is skipped.

use super::*;

type Result<T> = std::result::Result<T, Problem>;

pub(super) fn session(text: &str) -> std::result::Result<Session, Error> {
    let at = |line, problem| Error { line, problem };
    if text.len() > MAX_BYTES {
        return Err(at(1, Problem::Limit("bytes", MAX_BYTES)));
    }
    let mut parser = Parser::default();
    let mut count = 0;
    for raw in text.lines() {
        count += 1;
        if count > MAX_LINES {
            return Err(at(count, Problem::Limit("lines", MAX_LINES)));
        }
        if raw.is_empty() {
            continue;
        }
        parser.count_line(raw).and_then(|()| parser.line(count, raw)).map_err(|problem| at(count, problem))?;
    }
    parser.finish().map_err(|problem| at(count.max(1), problem))
}

#[derive(Default)]
struct Parser {
    session: Session,
    /// The lines v=, o= and s= come first, in this order; counts those seen.
    preamble: usize,
    /// Lines of the open section, or before the first.
    section_lines: usize,
    /// `a=rtcp-fb:*` of the open section: it holds for all its payload types, those to come too.
    wildcard_feedback: Vec<String>,
}

impl Parser {
    fn count_line(&mut self, raw: &str) -> Result<()> {
        self.section_lines = if raw.starts_with("m=") { 1 } else { self.section_lines + 1 };
        if self.section_lines > MAX_SECTION_LINES {
            return Err(Problem::Limit("lines in one section", MAX_SECTION_LINES));
        }
        Ok(())
    }

    fn line(&mut self, number: usize, raw: &str) -> Result<()> {
        let (key, value) = raw.split_once('=').ok_or(Problem::Form("not of the form x=value"))?;
        if key.len() != 1 || !key.as_bytes()[0].is_ascii_lowercase() {
            return Err(Problem::Form("not of the form x=value"));
        }
        if value.chars().any(|c| c.is_control()) {
            return Err(Problem::Form("control character"));
        }
        if self.preamble < 3 {
            return self.preamble_line(number, key, value);
        }
        match key {
            "m" => self.open_section(value),
            "a" => self.attribute(value),
            "v" | "o" => Err(Problem::Form("v= or o= a second time")),
            _ => Ok(()),
        }
    }

    fn preamble_line(&mut self, number: usize, key: &str, value: &str) -> Result<()> {
        match (self.preamble, key) {
            (0, "v") if value == "0" && number == 1 => {}
            (1, "o") => self.session.origin = origin(value)?,
            (2, "s") => {}
            (0, _) => return Err(Problem::Form("v=0 expected")),
            (1, _) => return Err(Problem::Form("o= expected")),
            (_, _) => return Err(Problem::Form("s= expected")),
        }
        self.preamble += 1;
        Ok(())
    }

    fn open_section(&mut self, value: &str) -> Result<()> {
        self.close_section();
        if self.session.sections.len() == MAX_SECTIONS {
            return Err(Problem::Limit("sections", MAX_SECTIONS));
        }
        self.session.sections.push(section(value)?);
        Ok(())
    }

    fn close_section(&mut self) {
        let wildcards = std::mem::take(&mut self.wildcard_feedback);
        let Some(section) = self.session.sections.last_mut() else { return };
        for payload in &mut section.payloads {
            for feedback in &wildcards {
                if payload.feedback.len() < MAX_FEEDBACK && !payload.feedback.contains(feedback) {
                    payload.feedback.push(feedback.clone());
                }
            }
        }
    }

    fn finish(mut self) -> Result<Session> {
        if self.preamble < 3 {
            return Err(Problem::Form("ends before v=, o= and s="));
        }
        self.close_section();
        Ok(self.session)
    }

    fn attribute(&mut self, text: &str) -> Result<()> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        match self.session.sections.last_mut() {
            None => session_attribute(&mut self.session, name, value),
            Some(section) => {
                if name == "rtcp-fb"
                    && let Some(feedback) = value.strip_prefix("* ")
                {
                    return push(&mut self.wildcard_feedback, feedback.trim().to_owned(), MAX_FEEDBACK, "rtcp-fb");
                }
                section_attribute(section, name, value)
            }
        }
    }
}

fn session_attribute(session: &mut Session, name: &str, value: &str) -> Result<()> {
    match name {
        "group" => push(&mut session.groups, group(value)?, MAX_GROUPS, "groups"),
        "ice-lite" => set_flag(&mut session.ice_lite),
        "extmap-allow-mixed" => set_flag(&mut session.extmap_allow_mixed),
        _ => match Direction::parse(name) {
            Some(direction) => {
                session.direction = Some(direction);
                Ok(())
            }
            None => security_attribute(&mut session.security, name, value),
        },
    }
}

fn section_attribute(section: &mut Section, name: &str, value: &str) -> Result<()> {
    match name {
        "mid" => set_once(&mut section.mid, token(value, "mid")?, "mid a second time"),
        "bundle-only" => set_flag(&mut section.bundle_only),
        "rtcp-mux" => set_flag(&mut section.rtcp_mux),
        "rtcp-rsize" => set_flag(&mut section.rtcp_rsize),
        "rtcp-xr" => {
            section.rtcp_xr = Some(value.to_owned());
            Ok(())
        }
        "extmap-allow-mixed" => set_flag(&mut section.extmap_allow_mixed),
        "end-of-candidates" => set_flag(&mut section.end_of_candidates),
        "candidate" => push(&mut section.candidates, value.to_owned(), MAX_CANDIDATES, "candidates"),
        "rtpmap" => rtpmap(section, value),
        "fmtp" => fmtp(section, value),
        "rtcp-fb" => rtcp_fb(section, value),
        "extmap" => push(&mut section.extensions, extension(value)?, MAX_EXTENSIONS, "extensions"),
        "msid" => push(&mut section.msids, msid(value)?, MAX_MSIDS, "msids"),
        "ssrc" => ssrc(section, value),
        "ssrc-group" => push(&mut section.ssrc_groups, ssrc_group(value)?, MAX_SSRCS, "ssrc groups"),
        "rid" => push(&mut section.rids, rid(value)?, MAX_RIDS, "rids"),
        "simulcast" => set_once(&mut section.simulcast, value.trim().to_owned(), "simulcast a second time"),
        _ => match Direction::parse(name) {
            Some(direction) => {
                section.direction = Some(direction);
                Ok(())
            }
            None => security_attribute(&mut section.security, name, value),
        },
    }
}

fn security_attribute(security: &mut Security, name: &str, value: &str) -> Result<()> {
    match name {
        // RFC 8839 section 5.4: 4…256 and 22…256 characters.
        "ice-ufrag" => set_once(&mut security.ice_ufrag, ice_text(value, 4)?, "ice-ufrag a second time"),
        "ice-pwd" => set_once(&mut security.ice_pwd, ice_text(value, 22)?, "ice-pwd a second time"),
        "ice-options" => {
            security.ice_options = Some(value.to_owned());
            Ok(())
        }
        "fingerprint" => push(&mut security.fingerprints, fingerprint(value)?, MAX_FINGERPRINTS, "fingerprints"),
        "setup" => {
            security.setup = Some(Setup::parse(value).ok_or(Problem::Form("setup: unknown role"))?);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn origin(value: &str) -> Result<Origin> {
    let bad = Problem::Form("o=: username, session id, version, IN, IP4 or IP6, address expected");
    let fields: Vec<&str> = value.split(' ').collect();
    let &[username, session_id, version, "IN", "IP4" | "IP6", _] = fields.as_slice() else { return Err(bad) };
    if username.is_empty() || session_id.is_empty() || !session_id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad);
    }
    let version = version.parse().map_err(|_| bad)?;
    Ok(Origin { username: username.to_owned(), session_id: session_id.to_owned(), version })
}

fn group(value: &str) -> Result<Group> {
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next().ok_or(Problem::Form("group: semantics expected"))?.to_owned();
    let mut mids = Vec::new();
    for word in words {
        push(&mut mids, word.to_owned(), MAX_SECTIONS, "mids in a group")?;
    }
    Ok(Group { semantics, mids })
}

fn section(value: &str) -> Result<Section> {
    let bad = Problem::Form("m=: media, port, protocol and formats expected");
    let mut words = value.split(' ');
    let (Some(media), Some(port), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return Err(bad);
    };
    let media = match media {
        "audio" => Media::Audio,
        "video" => Media::Video,
        "application" => Media::Application,
        other => Media::Other(token(other, "m=: media")?),
    };
    let mut section = Section::new(media, port.parse().map_err(|_| bad)?, token(protocol, "m=: protocol")?);
    for format in words {
        push(&mut section.formats, token(format, "m=: format")?, MAX_FORMATS, "formats")?;
    }
    if section.formats.is_empty() {
        return Err(bad);
    }
    if section.protocol.contains("RTP/") {
        for format in &section.formats {
            section.payloads.push(payload(format, &section.payloads)?);
        }
    }
    Ok(section)
}

fn payload(format: &str, earlier: &[Payload]) -> Result<Payload> {
    let payload_type = format.parse().ok().filter(|t| *t < 128).ok_or(Problem::Form("m=: payload type above 127"))?;
    if format.len() > 3 || earlier.iter().any(|p| p.payload_type == payload_type) {
        return Err(Problem::Form("m=: payload type a second time"));
    }
    Ok(Payload { payload_type, name: String::new(), clock_rate: 0, channels: None, fmtp: None, feedback: Vec::new() })
}

/// The payload type that starts the value, and the rest. `None` where the m-line does not have it.
fn of_payload<'a, 'b>(section: &'a mut Section, value: &'b str) -> Result<Option<(&'a mut Payload, &'b str)>> {
    let (number, rest) = value.split_once(' ').ok_or(Problem::Form("payload type and value expected"))?;
    let number: u8 = number.parse().map_err(|_| Problem::Form("payload type expected"))?;
    Ok(section.payloads.iter_mut().find(|p| p.payload_type == number).map(|p| (p, rest)))
}

fn rtpmap(section: &mut Section, value: &str) -> Result<()> {
    let bad = Problem::Form("rtpmap: payload type, name/clock rate[/channels] expected");
    let Some((payload, rest)) = of_payload(section, value)? else { return Ok(()) };
    if !payload.name.is_empty() {
        return Err(Problem::Form("rtpmap of this payload type a second time"));
    }
    let mut parts = rest.trim().split('/');
    let (Some(name), Some(clock_rate)) = (parts.next(), parts.next()) else { return Err(bad) };
    let name = token(name, "rtpmap: name")?;
    payload.clock_rate = clock_rate.parse().ok().filter(|rate| *rate > 0).ok_or(bad)?;
    payload.channels = parts.next().map(|c| c.parse().map_err(|_| bad)).transpose()?;
    payload.name = name;
    Ok(())
}

fn fmtp(section: &mut Section, value: &str) -> Result<()> {
    let Some((payload, rest)) = of_payload(section, value)? else { return Ok(()) };
    set_once(&mut payload.fmtp, rest.trim().to_owned(), "fmtp of this payload type a second time")
}

fn rtcp_fb(section: &mut Section, value: &str) -> Result<()> {
    let Some((payload, rest)) = of_payload(section, value)? else { return Ok(()) };
    push(&mut payload.feedback, rest.trim().to_owned(), MAX_FEEDBACK, "rtcp-fb of one payload type")
}

fn extension(value: &str) -> Result<Extension> {
    let bad = Problem::Form("extmap: id[/direction] and URI expected");
    let mut words = value.split_ascii_whitespace();
    let (Some(id), Some(uri)) = (words.next(), words.next()) else { return Err(bad) };
    let (id, direction) = match id.split_once('/') {
        Some((id, direction)) => (id, Some(Direction::parse(direction).ok_or(bad)?)),
        None => (id, None),
    };
    let id = id.parse().ok().filter(|id| *id > 0).ok_or(bad)?;
    Ok(Extension { id, direction, uri: uri.to_owned() })
}

fn msid(value: &str) -> Result<Msid> {
    let mut words = value.split_ascii_whitespace();
    let stream = words.next().ok_or(Problem::Form("msid: stream expected"))?.to_owned();
    Ok(Msid { stream, track: words.next().unwrap_or_default().to_owned() })
}

fn ssrc(section: &mut Section, value: &str) -> Result<()> {
    let (number, attribute) = value.split_once(' ').unwrap_or((value, ""));
    let ssrc = number.parse().map_err(|_| Problem::Form("ssrc: number expected"))?;
    let at = match section.ssrcs.iter().position(|s| s.ssrc == ssrc) {
        Some(at) => at,
        None => {
            push(&mut section.ssrcs, Ssrc { ssrc, cname: None }, MAX_SSRCS, "ssrcs")?;
            section.ssrcs.len() - 1
        }
    };
    if let Some(cname) = attribute.trim().strip_prefix("cname:") {
        section.ssrcs[at].cname = Some(cname.to_owned());
    }
    Ok(())
}

fn ssrc_group(value: &str) -> Result<SsrcGroup> {
    let mut words = value.split_ascii_whitespace();
    let semantics = words.next().ok_or(Problem::Form("ssrc-group: semantics expected"))?.to_owned();
    let mut ssrcs = Vec::new();
    for word in words {
        let ssrc = word.parse().map_err(|_| Problem::Form("ssrc-group: number expected"))?;
        push(&mut ssrcs, ssrc, MAX_SSRCS, "ssrcs in a group")?;
    }
    Ok(SsrcGroup { semantics, ssrcs })
}

fn rid(value: &str) -> Result<Rid> {
    let mut words = value.split_ascii_whitespace();
    let (Some(id), Some(direction @ ("send" | "recv"))) = (words.next(), words.next()) else {
        return Err(Problem::Form("rid: id and send or recv expected"));
    };
    // RFC 8851 section 10 as RFC 8852 allows it on the wire.
    let fits = id.len() <= 255 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits {
        return Err(Problem::Form("rid: id of letters and digits expected"));
    }
    Ok(Rid { id: id.to_owned(), sends: direction == "send" })
}

fn fingerprint(value: &str) -> Result<Fingerprint> {
    let bad = Problem::Form("fingerprint: algorithm and hex bytes expected");
    let (algorithm, hex) = value.trim().split_once(' ').ok_or(bad)?;
    let byte = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok()).flatten().ok_or(bad);
    let digest = hex.split(':').take(65).map(byte).collect::<Result<Vec<u8>>>()?;
    if digest.len() > 64 {
        return Err(bad);
    }
    Ok(Fingerprint { algorithm: token(algorithm, "fingerprint: algorithm")?.to_ascii_lowercase(), digest })
}

fn ice_text(value: &str, shortest: usize) -> Result<String> {
    let fits = (shortest..=256).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'='));
    fits.then(|| value.to_owned()).ok_or(Problem::Form("ice-ufrag or ice-pwd: wrong length or character"))
}

/// Visible ASCII without blanks.
fn token(value: &str, what: &'static str) -> Result<String> {
    let fits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| value.to_owned()).ok_or(Problem::Form(what))
}

fn set_flag(flag: &mut bool) -> Result<()> {
    *flag = true;
    Ok(())
}

fn set_once(slot: &mut Option<String>, value: String, again: &'static str) -> Result<()> {
    if slot.is_some() {
        return Err(Problem::Form(again));
    }
    *slot = Some(value);
    Ok(())
}

fn push<T>(list: &mut Vec<T>, item: T, limit: usize, what: &'static str) -> Result<()> {
    if list.len() == limit {
        return Err(Problem::Limit(what, limit));
    }
    list.push(item);
    Ok(())
}
