use super::digest::{PLAYER, SERVER, verify, verify_answer};
use super::*;

const ALL: [Option<Schema>; 3] = [None, Some(Schema::KeyFirst), Some(Schema::DigestFirst)];

/// C0 and C1 of a client of ours.
fn hello(schema: Option<Schema>) -> Vec<u8> {
    let mut out = Vec::new();
    ClientHandshake::new(7, schema, &mut out);
    out
}

/// What a server of ours writes when it gets `wire` in segments of this many bytes, and what it leaves.
fn serve(wire: &[u8], bytes: usize) -> (Result<bool, HandshakeError>, Vec<u8>, usize) {
    let mut server = ServerHandshake::new(9);
    let (mut out, mut left, mut end) = (Vec::new(), 0, Ok(false));
    for mut segment in wire.chunks(bytes) {
        if end == Ok(false) {
            end = server.read(&mut segment, &mut out);
        }
        left += segment.len();
    }
    (end, out, left)
}

fn packets(out: &[u8]) -> (Packet, Packet) {
    assert_eq!(out.len(), 1 + 2 * PACKET_BYTES);
    assert_eq!(out[0], VERSION);
    let (s1, s2) = out[1..].split_at(PACKET_BYTES);
    (s1.try_into().expect("whole"), s2.try_into().expect("whole"))
}

#[test]
fn both_sides_agree_in_every_schema() {
    for schema in ALL {
        let mut to_server = Vec::new();
        let mut client = ClientHandshake::new(7, schema, &mut to_server);
        let mut server = ServerHandshake::new(9);
        let mut to_client = Vec::new();
        assert_eq!(server.read(&mut to_server.as_slice(), &mut to_client), Ok(false));
        to_client.extend(b"chunks");
        let mut input = to_client.as_slice();
        let mut c2 = Vec::new();
        assert_eq!(client.read(&mut input, &mut c2), Ok(true));
        assert_eq!(input, b"chunks");
        assert_eq!(server.read(&mut c2.as_slice(), &mut Vec::new()), Ok(true));
        let c2: Packet = c2.try_into().expect("whole");
        let (s1, _) = packets(&to_client[..to_client.len() - 6]);
        match schema {
            None => assert_eq!(c2, s1),
            Some(_) => assert!(verify_answer(&c2, &verify(&s1, &SERVER).expect("signed").1, &PLAYER)),
        }
    }
}

#[test]
fn the_answer_is_signed_as_the_client_signed() {
    for schema in [Schema::KeyFirst, Schema::DigestFirst] {
        let wire = hello(Some(schema));
        let c1: Packet = wire[1..].try_into().expect("whole");
        let (s1, s2) = packets(&serve(&wire, wire.len()).1);
        let (_, client_digest) = verify(&c1, &PLAYER).expect("signed");
        assert_eq!(verify(&s1, &SERVER).map(|(schema, _)| schema), Some(schema));
        assert!(verify_answer(&s2, &client_digest, &SERVER));
    }
}

#[test]
fn a_plain_or_wrong_digest_gets_an_echo() {
    let mut wrong = hello(Some(Schema::DigestFirst));
    wrong[1000] ^= 1;
    for wire in [hello(None), wrong] {
        let (s1, s2) = packets(&serve(&wire, wire.len()).1);
        assert_eq!(s1[..8], [0; 8]);
        assert_eq!(s2, wire[1..]);
        assert_eq!(verify(&s1, &SERVER), None);
    }
}

#[test]
fn segments_make_no_difference_and_chunks_may_be_glued() {
    for schema in ALL {
        let wire = [hello(schema), vec![0xaa; PACKET_BYTES], b"chunks".to_vec()].concat();
        let whole = serve(&wire, wire.len());
        assert_eq!((whole.0, whole.2), (Ok(true), 6));
        for bytes in [1, 2, 7, 1460, 1537] {
            assert_eq!(serve(&wire, bytes), whole, "{bytes}");
        }
    }
}

#[test]
fn the_server_speaks_before_c2() {
    let (end, out, _) = serve(&hello(None), 1460);
    assert_eq!((end, out.len()), (Ok(false), 1 + 2 * PACKET_BYTES));
    let mut cut = hello(None);
    cut.pop();
    assert_eq!(serve(&cut, 1460), (Ok(false), vec![], 0));
}

#[test]
fn another_version_is_refused_at_its_byte() {
    for version in [0, 2, 6, b'G', 0x16] {
        assert_eq!(serve(&[version], 1).0, Err(HandshakeError::Version(version)));
        let mut client = ClientHandshake::new(7, None, &mut Vec::new());
        assert_eq!(client.read(&mut [version].as_slice(), &mut Vec::new()), Err(HandshakeError::Version(version)));
    }
}

#[test]
fn fillers_differ() {
    assert_ne!(filler(1), filler(2));
    assert_ne!(filler(0)[..8], [0; 8]);
}
