use super::*;

const HEAD: &str = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";

fn problem(body: &str) -> Error {
    Session::parse(&format!("{HEAD}{body}")).expect_err("refused")
}

#[test]
fn corpus_is_read_and_written_without_change() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/sdp");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("corpus") {
        let bytes = std::fs::read(entry.expect("entry").path()).expect("file");
        fuzz(&bytes);
        count += 1;
    }
    assert!(count >= 10);
}

#[test]
fn truncated_and_flipped_corpus_does_no_harm() {
    let text = include_bytes!("../../fuzz/corpus/sdp/firefox_mixed");
    for cut in (0..text.len()).step_by(37) {
        fuzz(&text[..cut]);
        let mut flipped = text.to_vec();
        flipped[cut] ^= 1;
        fuzz(&flipped);
    }
}

#[test]
fn reads_a_firefox_offer() {
    let session = Session::parse(include_str!("../../fuzz/corpus/sdp/firefox_mixed")).expect("well-formed");
    assert_eq!(session.bundle().map(<[_]>::len), Some(5));
    assert_eq!(session.security.fingerprints[0].algorithm, "sha-256");
    let [audio, video, held, _, data] = session.sections.as_slice() else { panic!("five sections") };
    assert_eq!(audio.payload(109).expect("opus").channels, Some(2));
    assert_eq!(audio.direction, Some(Direction::SendOnly));
    assert_eq!(video.payload(124).expect("rtx").parameter("apt"), Some("120"));
    assert_eq!(video.ssrc_groups[0].ssrcs, [588799180, 2855278864]);
    assert_eq!(video.extensions[3].direction, Some(Direction::RecvOnly));
    assert!(held.bundle_only && !held.is_off());
    assert_eq!((&data.media, data.payloads.len()), (&Media::Application, 0));
}

#[test]
fn wildcard_feedback_holds_for_each_payload_type() {
    let session = Session::parse(&format!("{HEAD}m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtcp-fb:* nack\r\n"));
    let section = session.expect("well-formed").sections.remove(0);
    assert!(section.payloads.iter().all(|p| p.feedback == ["nack"]));
}

#[test]
fn an_error_names_its_line() {
    assert_eq!(problem("m=audio x RTP/AVP 0").line, 5);
    assert_eq!(problem("a=mid:0\r\nnonsense").to_string(), "line 6: not of the form x=value");
    for (body, text) in [
        ("m=audio 9 RTP/AVP 128", "line 5: m=: payload type above 127"),
        ("m=audio 9 RTP/AVP 96 96", "line 5: m=: payload type a second time"),
        ("a=fingerprint:sha-256 GG", "line 5: fingerprint: algorithm and hex bytes expected"),
        ("a=ice-ufrag:abc", "line 5: ice-ufrag or ice-pwd: wrong length or character"),
        ("a=setup:sideways", "line 5: setup: unknown role"),
        ("m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=mid:1", "line 7: mid a second time"),
        ("m=audio 9 RTP/AVP 0\r\na=extmap:0 urn:x", "line 6: extmap: id[/direction] and URI expected"),
        ("o=- 1 1 IN IP4 0", "line 5: v= or o= a second time"),
        ("a=x\u{0}", "line 5: control character"),
    ] {
        assert_eq!(problem(body).to_string(), text);
    }
    assert_eq!(Session::parse("").expect_err("empty").line, 1);
    assert_eq!(Session::parse("o=- 1 1 IN IP4 0").expect_err("no v=").to_string(), "line 1: v=0 expected");
}

#[test]
fn each_bound_is_kept() {
    let many = |line: &str, count: usize| line.repeat(count);
    let audio = "m=audio 9 RTP/AVP 96\r\n";
    let numbered = |name: &str| (0..100).map(|i| format!("a={name}:{i} x\r\n")).collect::<String>();
    let formats: String = (0..200).map(|i| format!(" x{i}")).collect();
    for (body, what) in [
        (many("a=x\r\n", 10_000), "lines in one section"),
        (format!("{audio}{}", many("a=x\r\n", 400)), "lines in one section"),
        (many(&format!("{audio}{}", many("a=x\r\n", 99)), 121), "lines"),
        (many("a=tooltoolong\r\n", 40_000), "bytes"),
        (many(audio, 201), "sections"),
        (format!("m=x 9 x{formats}"), "formats"),
        (format!("{audio}{}", numbered("ssrc")), "ssrcs"),
        (format!("{audio}{}", many("a=candidate:x\r\n", 100)), "candidates"),
        (format!("{audio}{}", many("a=rtcp-fb:96 x\r\n", 20)), "rtcp-fb of one payload type"),
        (format!("{audio}{}", many("a=extmap:1 x\r\n", 100)), "extensions"),
        (many("a=group:BUNDLE 0\r\n", 20), "groups"),
        (many("a=fingerprint:sha-1 00\r\n", 20), "fingerprints"),
    ] {
        let text = problem(&body).to_string();
        assert!(text.contains(&format!(": too many {what}, ")), "{what}: {text}");
    }
}
