use super::*;
use crate::id::RoomId;

/// The vendor's generator (npm tls-sig-api-v2, sample key of its package) with the clock at 1700000000.
const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const APP: AppId = AppId(1_400_000_000);
const TIME: u64 = 1_700_000_000;
const LIFE: u64 = 15_552_000;
const SIG: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZiflZpXlQqeKU7MSCgswUJStDEwMogMiUZOamKlkZmqOKplYUZBaBxE1NTY3gosWZ6UpWSj5ljuYp*p7l5unBxXnF2WVhVU4uAf7Ozi5JpX7O5SbuHuUhzgZJmQXaTia2SrUAohcx8g__";
const SIG_MAC: &str = "LvA7d/Iw7gSsnskvVzBDPOCCDbuNCw4GHwTC0bip+B4=";
const MAP_KEY: &str = "eJxVjc0KgkAYRd-l2xb*kVQDLb5CVJCwEoJ2jo7TpKn410j07qFZ0N1c7jmL*4TAOykdq4CAoWgwH7eIWd6IRIxYirC4tfmk6jgNy1LEQPSFNuVjGnFnQPTlP2WyFNXATdM0frStWUXbBAggosPs7EqNUqfZvg84Iu6iwyW1VBzir8b63gsOBPo1dtSUD4e7vMAttcPUCy1N1rNOjb3I9Rmn5ySiR8-dwOsNn*tDuQ__";
const MAP_KEY_HEX: &str = "0000077869616f6a756e53724e000000271066413f00000000ff00000000";
const TEXT_MAP_KEY: &str = "eJxVzk0LgkAQBuD-MteiVLKPhQ5bmglZSeWhm*Jqk*lu2qoR-fdIK*iFgZnnvcwD9qtdr2Q5ENB6CnSbG0OW3TDChmv0*Vlmn6oIE18IDIGoA*WTtrlhyoCoo39ltcD87bquaz*VBcsDGQEB6tIlsy6nQBNqcFnf9zFtckzMfrNsxy1QXjsGrdpxq*87GAMBKYW-Se0reofC43OjTP0ktQ7joWW6M0*x2dDtTKxFwCtnCs8XEF9Ing__";
const TEXT_MAP_KEY_HEX: &str = "0100077869616f6a756e53724e000000000066413f00000000ff00000000000a31303030303030303430";

fn user() -> UserId {
    UserId::new("xiaojun").expect("valid")
}

fn at(secs: u64) -> UnixMillis {
    UnixMillis::from_secs(secs)
}

fn check(text: &str) -> Result<UserSig, SigError> {
    UserSig::check(text, APP, &user(), &[KEY], at(TIME))
}

fn sig() -> UserSig {
    UserSig { app: APP, user: user(), time: TIME, expire: LIFE, userbuf: None }
}

/// Any bytes as the text of a UserSig.
fn text_of(json: &[u8]) -> String {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(json).expect("memory");
    let packed = encoder.finish().expect("memory");
    STANDARD.encode(packed).replace('+', "*").replace('/', "-").replace('=', "_")
}

fn json_of(text: &str) -> serde_json::Value {
    let standard = text.replace('*', "+").replace('-', "/").replace('_', "=");
    let packed = STANDARD.decode(standard).expect("base64");
    serde_json::from_slice(&inflate(&packed).expect("zlib")).expect("JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_vendors_texts_are_genuine() {
    assert_eq!(check(SIG), Ok(sig()));
    assert_eq!(json_of(SIG)["TLS.sig"], SIG_MAC);
    for (text, wire, room) in [
        (MAP_KEY, MAP_KEY_HEX, RoomId::Number(10_000)),
        (TEXT_MAP_KEY, TEXT_MAP_KEY_HEX, RoomId::Text("1000000040".to_owned())),
    ] {
        assert_eq!(hex(&check(text).expect("genuine").userbuf.expect("there")), wire);
        let key = PrivateMapKey::check(text, APP, &user(), &room, &[KEY], at(TIME)).expect("opens the room");
        assert_eq!(key.privileges, Privileges::ALL);
        assert_eq!(u64::from(key.expires), TIME + LIFE);
        assert_eq!(hex(&key.write()), wire);
    }
}

#[test]
fn our_own_texts_say_what_the_vendors_say() {
    assert_eq!(json_of(&sig().make(KEY)), json_of(SIG));
    assert_eq!(check(&sig().make(KEY)), Ok(sig()));
    let key = PrivateMapKey {
        user: user(),
        app: APP,
        room: RoomId::Number(10_000),
        expires: (TIME + LIFE) as u32,
        privileges: Privileges::ALL,
    };
    assert_eq!(json_of(&key.make(TIME, KEY)), json_of(MAP_KEY));
    let text_key = PrivateMapKey { room: RoomId::Text("1000000040".to_owned()), ..key };
    assert_eq!(json_of(&text_key.make(TIME, KEY)), json_of(TEXT_MAP_KEY));
}

#[test]
fn the_order_and_spacing_of_the_json_do_not_matter() {
    let sorted = json_of(SIG); // serde_json sorts its maps: another order than the vendor's
    for json in [serde_json::to_vec(&sorted), serde_json::to_vec_pretty(&sorted)] {
        assert_eq!(check(&text_of(&json.expect("JSON"))), Ok(sig()));
    }
}

#[test]
fn its_alphabet_is_not_base64url() {
    let standard = SIG.replace('*', "+").replace('-', "/").replace('_', "=");
    assert_eq!(check(&standard), Err(SigError::Malformed));
    assert_eq!(check(&SIG.replace('*', "-")), Err(SigError::Malformed));
    assert_eq!(check(SIG.trim_end_matches('_')), Err(SigError::Malformed), "padding belongs to it");
}

#[test]
fn each_of_several_keys_is_tried() {
    let keys = ["some other key of the app", KEY];
    assert!(UserSig::check(SIG, APP, &user(), &keys, at(TIME)).is_ok());
    assert_eq!(UserSig::check(SIG, APP, &user(), &keys[..1], at(TIME)), Err(SigError::WrongKey));
    assert_eq!(UserSig::check::<&str>(SIG, APP, &user(), &[], at(TIME)), Err(SigError::NoKey));
}

#[test]
fn foreign_texts_are_told_apart() {
    let other = UserId::new("amy").expect("valid");
    assert_eq!(UserSig::check(SIG, AppId(1), &user(), &[KEY], at(TIME)), Err(SigError::OtherApp));
    assert_eq!(UserSig::check(SIG, APP, &other, &[KEY], at(TIME)), Err(SigError::OtherUser));
    assert_eq!(check(""), Err(SigError::Empty));
}

#[test]
fn it_lives_from_its_time_until_its_expiry() {
    let at_time = |secs| UserSig::check(SIG, APP, &user(), &[KEY], at(secs)).err();
    let skew = CLOCK_SKEW_MAX.as_secs();
    assert_eq!(at_time(TIME + LIFE), None);
    assert_eq!(at_time(TIME + LIFE + 1), Some(SigError::Expired));
    assert_eq!(at_time(TIME - skew), None);
    assert_eq!(at_time(TIME - skew - 1), Some(SigError::NotYetValid));
    let endless = UserSig { expire: u64::MAX, ..sig() };
    assert_eq!(check(&endless.make(KEY)), Ok(endless), "the sum saturates");
}

#[test]
fn a_changed_value_is_not_signed() {
    let changes: [(&str, serde_json::Value); 6] = [
        ("TLS.time", (TIME + 1).into()),
        ("TLS.expire", (LIFE + 1).into()),
        ("TLS.userbuf", "AAAA".into()),
        ("TLS.sig", "".into()),
        ("TLS.sig", SIG_MAC[..20].into()),
        ("TLS.sig", STANDARD.encode([0; 32]).into()),
    ];
    for (field, value) in changes {
        let mut json = json_of(SIG);
        json[field] = value;
        assert_eq!(check(&text_of(json.to_string().as_bytes())), Err(SigError::WrongKey), "{field}");
    }
}

#[test]
fn values_of_the_wrong_form_are_malformed() {
    let changes: [(&str, serde_json::Value); 8] = [
        ("TLS.ver", "1.0".into()),
        ("TLS.ver", 2.0.into()),
        ("TLS.sdkappid", "1400000000".into()),
        ("TLS.time", 1_700_000_000.5.into()),
        ("TLS.expire", (-1).into()),
        ("TLS.identifier", "xiaojun\nTLS.time:1".into()),
        ("TLS.identifier", "".into()),
        ("TLS.sig", "?".into()),
    ];
    for (field, value) in changes {
        let mut json = json_of(SIG);
        json[field] = value;
        assert_eq!(check(&text_of(json.to_string().as_bytes())), Err(SigError::Malformed), "{field}");
    }
    let twice = json_of(SIG).to_string().replacen('{', r#"{"TLS.time":1,"#, 1);
    assert_eq!(check(&text_of(twice.as_bytes())), Err(SigError::Malformed), "a field that comes twice");
}

#[test]
fn bombs_and_long_texts_are_refused_early() {
    let bomb = text_of(&vec![b' '; 10 * 1024 * 1024 / 2]);
    assert!(bomb.len() < TEXT_BYTES_MAX, "packs to {}", bomb.len());
    assert_eq!(check(&bomb), Err(SigError::Malformed));
    let padded = |spaces| text_of(&[json_of(SIG).to_string().as_bytes(), &vec![b' '; spaces]].concat());
    let room = JSON_BYTES_MAX - json_of(SIG).to_string().len();
    assert!(check(&padded(room)).is_ok());
    assert_eq!(check(&padded(room + 1)), Err(SigError::Malformed));
    assert_eq!(check(&"A".repeat(TEXT_BYTES_MAX + 1)), Err(SigError::Malformed));
}

#[test]
fn no_mutation_of_a_genuine_text_says_anything_else() {
    let mut seed = 1_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-_+/=";
    for _ in 0..10_000 {
        let mut text = SIG.as_bytes().to_vec();
        match draw(4) {
            0 => text.truncate(draw(text.len())),
            1 => text.insert(draw(text.len()), ALPHABET[draw(ALPHABET.len())]),
            _ => {
                let at = draw(text.len());
                text[at] = ALPHABET[draw(ALPHABET.len())];
            }
        }
        let text = String::from_utf8(text).expect("ASCII");
        // Deflate has spare bits: a text may differ in them and still say the same.
        assert!(check(&text).map_or(true, |passed| passed == sig()), "{text}");
    }
}

#[test]
fn a_map_key_opens_one_room_for_one_user_until_it_expires() {
    let room = RoomId::Number(10_000);
    let check = |text: &str, user: &UserId, room: &RoomId, secs| {
        PrivateMapKey::check(text, APP, user, room, &[KEY], at(secs)).err()
    };
    assert_eq!(check(MAP_KEY, &user(), &room, TIME), None);
    assert_eq!(check(MAP_KEY, &user(), &RoomId::Number(10_001), TIME), Some(MapKeyError::OtherRoom));
    assert_eq!(check(MAP_KEY, &user(), &RoomId::Text("10000".to_owned()), TIME), Some(MapKeyError::OtherRoom));
    assert_eq!(check(SIG, &user(), &room, TIME), Some(MapKeyError::Malformed), "a UserSig is no key");
    let other = UserId::new("amy").expect("valid");
    assert_eq!(check(MAP_KEY, &other, &room, TIME), Some(MapKeyError::Sig(SigError::OtherUser)));
    let sooner =
        PrivateMapKey { user: user(), app: APP, room: room.clone(), expires: TIME as u32, privileges: Privileges(42) };
    let carried = |key: &PrivateMapKey| UserSig { userbuf: Some(key.write()), ..sig() }.make(KEY);
    assert_eq!(check(&carried(&sooner), &user(), &room, TIME), None);
    assert_eq!(check(&carried(&sooner), &user(), &room, TIME + 1), Some(MapKeyError::Expired));
    let foreign = PrivateMapKey { user: other, ..sooner };
    assert_eq!(check(&carried(&foreign), &user(), &room, TIME), Some(MapKeyError::OtherUser));
}

#[test]
fn a_map_key_is_read_to_its_last_byte() {
    let whole = PrivateMapKey {
        user: user(),
        app: APP,
        room: RoomId::Text("studio".to_owned()),
        expires: 7,
        privileges: Privileges(42),
    };
    let bytes = whole.write();
    assert_eq!(PrivateMapKey::parse(&bytes), Some(whole));
    for cut in 0..bytes.len() {
        assert_eq!(PrivateMapKey::parse(&bytes[..cut]), None, "cut at {cut}");
    }
    assert_eq!(PrivateMapKey::parse(&[&bytes[..], &[0]].concat()), None);
    assert!(Privileges(42).allows(Privileges::JOIN_ROOM) && !Privileges(42).allows(Privileges::SEND_AUDIO));
}
