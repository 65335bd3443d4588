//! Checks, nominations, addresses and silence. The handshake and media are tested with real clients.

use super::ice::{SEEN_CHECKS, hmac_sha1};
use super::*;
use crate::testing::start;
use is::stun::{StunMessage, TransId};

const OFFER: &str = include_str!("../../fixtures/chromium_publish.sdp");

/// A transport that answered `OFFER`, with what a client needs to check it.
struct Checked {
    transport: Transport,
    user: String,
    pwd: String,
    egress: Egress,
}

impl Checked {
    fn new() -> Self {
        let certificate = generate_certificate().expect("makes certificates");
        let params = Params { candidates: Vec::new(), certificate, simulcast: false };
        let mut transport = Transport::new(Arc::new(params), Random::new(b"transport"), start());
        let offer = Offer::parse(OFFER).expect("a good offer");
        let mut policy = |_: OfferedSection<'_>| Policy { receive: true, ..Policy::default() };
        transport.handle_offer(start(), &offer, &mut policy).expect("answered");
        let own = transport.ice.as_ref().expect("made").own().clone();
        Self { transport, user: format!("{}:{}", own.ufrag, offer.ufrag), pwd: own.pwd, egress: Egress::default() }
    }

    fn check(&self, nominate: bool) -> Vec<u8> {
        self.check_as(&self.user, true, nominate)
    }

    fn check_as(&self, user: &str, controls: bool, nominate: bool) -> Vec<u8> {
        let message = StunMessage::binding_request(user, TransId::new(), controls, 7, 1, nominate);
        let mut bytes = vec![0; 300];
        let len = message.to_bytes(Some(self.pwd.as_bytes()), &mut bytes, hmac_sha1).expect("fits");
        bytes.truncate(len);
        bytes
    }

    /// What is sent back.
    fn stun(&mut self, path: Path, bytes: &[u8]) -> Result<Vec<(Path, Vec<u8>)>, DropReason> {
        let result = self.transport.handle_stun(start(), path, bytes);
        self.transport.poll_transmit(&mut self.egress);
        let sent = self.egress.datagrams().map(|(path, bytes)| (path, bytes.to_vec())).collect();
        self.egress.clear();
        result.map(|_| sent)
    }
}

fn from(port: u16) -> Path {
    Path {
        local: ([192, 0, 2, 1], 7882).into(),
        remote: ([198, 51, 100, 9], port).into(),
        protocol: crate::Protocol::Udp,
    }
}

#[test]
fn a_check_is_answered_to_where_it_came_from() {
    let mut c = Checked::new();
    let sent = c.stun(from(5_000), &c.check(false)).expect("genuine");
    let [(path, bytes)] = sent.as_slice() else { panic!("one answer: {sent:?}") };
    assert_eq!(*path, from(5_000));
    let answer = StunMessage::parse(bytes).expect("well-formed");
    assert!(answer.is_successful_binding_response() && answer.verify(c.pwd.as_bytes(), hmac_sha1));
    assert_eq!(answer.mapped_address(), Some(path.remote));
    assert_eq!(c.transport.nominated(), None);
}

#[test]
fn forged_checks_get_no_answer_and_leave_no_trace() {
    let mut c = Checked::new();
    let good = c.check(true);
    let mut flipped_integrity = good.clone();
    let at = good.len() - 20;
    flipped_integrity[at] ^= 1;
    let mut flipped_fingerprint = good.clone();
    *flipped_fingerprint.last_mut().expect("not empty") ^= 1;
    let mut without_fingerprint = good[..good.len() - 8].to_vec();
    without_fingerprint[3] -= 8;
    let (own, theirs) = c.user.split_once(':').expect("two names");
    let other_client = c.check_as(&format!("{own}:other"), true, true);
    let other_server = c.check_as(&format!("other:{theirs}"), true, true);
    for bad in [flipped_integrity, flipped_fingerprint, without_fingerprint, other_client, other_server] {
        assert_eq!(c.stun(from(5_000), &bad), Err(DropReason::Stun));
        assert!(c.egress.is_empty() && c.transport.paths.is_empty() && c.transport.nominated().is_none());
    }
    assert!(c.stun(from(5_000), &good).is_ok());
}

#[test]
fn media_follows_the_newest_nomination() {
    let mut c = Checked::new();
    let (wifi, mobile) = (from(1), from(2));
    for (path, nominate, goes_to) in
        [(wifi, true, wifi), (mobile, false, wifi), (mobile, true, mobile), (wifi, false, mobile), (wifi, true, wifi)]
    {
        c.stun(path, &c.check(nominate)).expect("genuine");
        assert_eq!(c.transport.way_out(), Some(goes_to));
    }
    c.transport.forget_path(wifi);
    assert_eq!(c.transport.way_out(), Some(mobile), "what was heard last");
}

/// Genuine checks, some of which nominate; what media goes to after each.
fn goes(c: &mut Checked, steps: &[(u64, Path, bool, Path)]) {
    for &(ms, path, nominate, goes_to) in steps {
        let check = c.check(nominate);
        c.transport.handle_stun(start() + Duration::from_millis(ms), path, &check).expect("genuine");
        c.transport.poll_transmit(&mut c.egress);
        assert_eq!(c.transport.way_out(), Some(goes_to), "at {ms} ms");
    }
}

#[test]
fn media_follows_a_client_whose_port_changed_and_who_nominates_no_more() {
    let (before, after, third) = (from(1), from(2), from(3));
    let mut c = Checked::new();
    goes(&mut c, &[(0, before, true, before), (5_000, before, false, before)]);
    goes(&mut c, &[(6_000, after, false, before), (7_999, after, false, before), (8_000, after, false, after)]);
    // Once more, from there.
    goes(&mut c, &[(12_000, after, false, after), (14_999, third, false, after), (15_000, third, false, third)]);
    // What the client said itself is worth more than what was guessed: a word from there, or a nomination.
    goes(&mut c, &[(15_100, before, false, before), (18_000, third, false, before), (18_100, third, false, third)]);
    goes(&mut c, &[(18_200, after, true, after), (18_300, third, false, after)]);
}

#[test]
fn media_is_not_led_away_by_who_knows_no_password() {
    let (client, other) = (from(1), from(2));
    let mut c = Checked::new();
    goes(&mut c, &[(0, client, true, client)]);
    let mut forged = c.check(true);
    let at = forged.len() - 20;
    forged[at] ^= 1;
    for seconds in 1..10 {
        let now = start() + Duration::from_secs(seconds);
        assert_eq!(c.transport.handle_stun(now, other, &forged), Err(DropReason::Stun));
        assert_eq!(c.transport.unprotect_rtp(now, other, &mut [128; 100]), Err(DropReason::Srtp));
        assert_eq!(c.transport.way_out(), Some(client));
    }
}

#[test]
fn media_is_not_led_away_by_who_repeats_what_was_overheard() {
    let (client, moved, other) = (from(1), from(2), from(3));
    let mut c = Checked::new();
    let overheard: Vec<_> = (0..SEEN_CHECKS).map(|n| c.check(n % 2 == 0)).collect();
    for check in &overheard {
        c.stun(client, check).expect("genuine");
    }
    for (check, seconds) in overheard.iter().zip(1..) {
        let now = start() + Duration::from_secs(seconds);
        assert_eq!(c.transport.handle_stun(now, other, check), Err(DropReason::Duplicate));
        assert_eq!(c.transport.way_out(), Some(client));
    }
    assert_eq!((c.transport.heard, c.transport.paths.len()), (start(), 1), "no sign of life, and no address");
    // The client's own repeat is answered and changes nothing.
    c.stun(moved, &c.check(true)).expect("genuine");
    let sent = c.stun(client, overheard.last().expect("many")).expect("genuine");
    assert!(!sent.is_empty() && sent.iter().all(|(path, _)| *path == client));
    assert_eq!(c.transport.way_out(), Some(moved));
}

#[test]
fn an_address_that_stands_in_gives_way_when_it_ends_and_not_to_others() {
    let (before, after) = (from(1), from(2));
    let mut c = Checked::new();
    goes(&mut c, &[(0, before, true, before), (3_000, after, false, after)]);
    for port in 3..100 {
        goes(&mut c, &[(3_100, from(port), false, after)]);
    }
    assert!([before, after].iter().all(|path| c.transport.paths.iter().any(|known| known.path == *path)));
    c.transport.forget_path(after);
    assert_eq!(c.transport.way_out(), Some(before));
}

#[test]
fn a_client_that_will_not_control_is_told_to() {
    let mut c = Checked::new();
    let sent = c.stun(from(1), &c.check_as(&c.user.clone(), false, true)).expect("genuine");
    let answer = StunMessage::parse(&sent[0].1).expect("well-formed");
    assert_eq!(answer.error_code().map(|(code, _)| code), Some(487));
    assert_eq!(c.transport.nominated(), None);
}

#[test]
fn addresses_are_bounded_and_the_nominated_one_stays() {
    let mut c = Checked::new();
    c.stun(from(1), &c.check(true)).expect("genuine");
    for port in 2..1_000 {
        let learned = c.transport.handle_stun(start(), from(port), &c.check(false)).expect("genuine");
        assert_eq!(learned.new, Some(from(port)));
        assert_eq!(learned.gone.is_some(), usize::from(port) > MAX_PATHS);
        c.transport.poll_transmit(&mut c.egress);
    }
    assert_eq!(c.transport.paths.len(), MAX_PATHS);
    assert_eq!(c.transport.way_out(), Some(from(1)));
    assert!(c.transport.ready.is_empty());
}

#[test]
fn dtls_from_an_address_without_a_valid_check_is_not_looked_at() {
    let mut c = Checked::new();
    assert_eq!(c.transport.handle_dtls(start(), from(1), &[22, 254, 253]), Err(DropReason::NoTransport));
    assert!(c.transport.paths.is_empty());
}

#[test]
fn an_address_gets_at_most_three_times_what_came_from_it_until_it_proved_itself() {
    let mut c = Checked::new();
    let check = c.check(false);
    c.stun(from(1), &check).expect("genuine");
    let flight = vec![22; 900];
    c.transport.ready.push((from(1), flight.clone()));
    let mut received = check.len();
    let mut sent = 100;
    loop {
        let out = c.stun(from(1), &c.check(false)).expect("genuine");
        received += check.len();
        sent += out.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        assert!(sent <= AMPLIFICATION * received);
        if out.iter().any(|(_, bytes)| *bytes == flight) {
            break;
        }
        assert!(received < 1_000, "it leaves as soon as it may");
    }
    for _ in 0..100 {
        c.transport.ready.push((from(1), vec![22; 1_200]));
    }
    c.transport.poll_transmit(&mut c.egress);
    assert_eq!(c.transport.ready.len(), HELD);
    c.transport.ready.push((from(9), flight));
    c.transport.poll_transmit(&mut c.egress);
    assert!(c.egress.datagrams().all(|(path, _)| path == from(1)), "nothing to who never asked");
}

#[test]
fn answers_leave_more_often_on_a_bad_path_and_within_bounds() {
    let mut c = Checked::new();
    let answers = |c: &mut Checked| c.stun(from(1), &c.check(false)).expect("genuine").len();
    let first: Vec<usize> = (0..=CHECKS_GOOD).map(|_| answers(&mut c)).collect();
    assert!(first.iter().all(|n| *n == 1), "{first:?}");
    // As many as may leave for three times what came.
    assert!(answers(&mut c) > 1, "many checks and no handshake");
    let all: usize = (0..200).map(|_| answers(&mut c)).sum();
    assert!(all <= 200 + REPEATED_PER_SECOND as usize, "{all} within a second");
    assert!(c.transport.repeats.is_empty());
}

#[test]
fn silence_is_told_and_then_ends_the_transport() {
    let mut c = Checked::new();
    c.stun(from(1), &c.check(true)).expect("genuine");
    c.transport.phase = Phase::Connected;
    let at = |seconds| start() + Duration::from_secs(seconds);
    let events = |c: &mut Checked, seconds| {
        c.transport.handle_timeout(at(seconds));
        std::iter::from_fn(|| c.transport.poll_event()).collect::<Vec<_>>()
    };
    assert_eq!(events(&mut c, 7), []);
    assert_eq!(events(&mut c, 8), [TransportEvent::Lost]);
    let check = c.check(false);
    c.transport.handle_stun(at(20), from(1), &check).expect("genuine");
    assert_eq!(events(&mut c, 20), [TransportEvent::Back]);
    assert_eq!(events(&mut c, 28), [TransportEvent::Lost]);
    assert_eq!(events(&mut c, 49), []);
    assert_eq!(events(&mut c, 50), [TransportEvent::Closed(CloseReason::Silent)]);
    assert_eq!(c.transport.handle_stun(at(51), from(1), &check), Err(DropReason::NoTransport));
    assert_eq!(c.transport.poll_timeout(), None);
}

#[test]
fn who_never_comes_is_closed_after_the_same_time() {
    let mut c = Checked::new();
    c.transport.handle_timeout(start() + CLOSED_AFTER);
    assert_eq!(c.transport.poll_event(), Some(TransportEvent::Closed(CloseReason::Silent)));
}
