//! Whole frames in and out: what comes by another wire reaches browsers, what browsers send leaves as frames. The browser
//! is str0m, which cuts frames and puts them together by itself.

#![allow(clippy::wildcard_enum_match_arm, reason = "tests pick the events they ask about")]

mod support;

use carillon_config::media::Media;
use carillon_loadtest::impair::{self, Profile};
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::gateway::TrackName::{self, Camera, Microphone};
use carillon_proto::payload::h264;
use carillon_sfu::{
    Command, Event, FeedFact, FeedRefusal, FrameOutput, ParticipantId, Privileges, TapId, TapOutput, VideoPolicy,
};
use std::time::{Duration, Instant};
use str0m::format::Codec;
use str0m::media::{Direction, Frequency, MediaTime, Mid};
use support::{A, ROOM, Want, World, ms};

/// It publishes by another wire.
const PHONE: ParticipantId = ParticipantId(70);
const TAP: TapId = TapId(5);

/// An access unit whose slices say which frame it is.
fn units(n: u64, key: bool, bytes: usize) -> Vec<Vec<u8>> {
    let mut slice = vec![if key { 0x65 } else { 0x41 }];
    // Without zeros, of which start codes are made.
    slice.extend((0..4).map(|i| 0x80 | (n >> (7 * i)) as u8));
    slice.resize(bytes.max(16), 0x55);
    let sets = [vec![0x67, 0x42, 0xe0, 0x1f, 0xaa], vec![0x68, 0xce, 0x3c, 0x80]];
    sets.into_iter().filter(|_| key).chain([slice]).collect()
}

fn picture(at: Instant, n: u64, key: bool, bytes: usize) -> Frame {
    let mut payload = Vec::new();
    units(n, key, bytes).iter().for_each(|unit| h264::push_unit(&mut payload, unit));
    Frame { codec: FrameCodec::H264, at, key, payload: payload.into() }
}

fn sound(at: Instant, n: u64) -> Frame {
    let payload = [&[0x78][..], &n.to_be_bytes(), &[7; 60]].concat();
    Frame { codec: FrameCodec::Opus, at, key: true, payload: payload.into() }
}

fn number_of_sound(data: &[u8]) -> u64 {
    u64::from_be_bytes(data[1..9].try_into().expect("eight bytes"))
}

/// Start codes, as encoders write them.
fn annex_b(n: u64, key: bool, bytes: usize) -> Vec<u8> {
    units(n, key, bytes).iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect()
}

fn number_of_slice(unit: &[u8]) -> Option<u64> {
    matches!(unit.first()? & 0x1f, 1 | 5).then_some(())?;
    Some(unit.get(1..5)?.iter().rev().fold(0, |n, byte| n << 7 | u64::from(byte & 0x7f)))
}

/// What str0m put together: Annex B.
fn number_of_annex_b(data: &[u8]) -> u64 {
    let starts = data.windows(4).enumerate().filter(|(_, w)| *w == [0, 0, 0, 1]).map(|(at, _)| at + 4);
    starts.filter_map(|at| number_of_slice(&data[at..])).next_back().expect("a slice")
}

fn number_of_frame(frame: &Frame) -> u64 {
    h264::units(&frame.payload).flatten().filter_map(number_of_slice).last().expect("a slice")
}

fn join_phone(world: &mut World) {
    world.command(Command::Join { room: ROOM, participant: PHONE, privileges: Privileges::ALL });
}

fn open_feed(world: &mut World, track: TrackName, codec: FrameCodec) {
    world.command(Command::OpenFeed { participant: PHONE, track, codec, reordered: false });
}

/// A viewer of the phone; it takes whole frames.
fn viewer(world: &mut World) -> (usize, [Mid; 2]) {
    world.whole_frames = true;
    let n = world.add_peer();
    let mids = world.offer(n, &[Want::Receive(PHONE, Microphone), Want::Receive(PHONE, Camera)]);
    world.run(ms(500));
    assert!(world.peers[n].connected);
    (n, [mids[0], mids[1]])
}

/// 25 pictures and 50 packets of sound each second. Keyframes each `gop` pictures.
struct Phone {
    pictures: u64,
    sounds: u64,
    gop: u64,
    bytes: usize,
}

impl Phone {
    fn new(gop: u64) -> Self {
        Self { pictures: 0, sounds: 0, gop, bytes: 4_000 }
    }

    fn run(&mut self, world: &mut World, millis: u64) {
        for _ in 0..millis / 20 {
            let now = world.now.instant;
            world.feed(PHONE, Microphone, &sound(now, self.sounds));
            if self.sounds.is_multiple_of(2) {
                let key = self.pictures.is_multiple_of(self.gop);
                let bytes = if key { 5 * self.bytes } else { self.bytes };
                world.feed(PHONE, Camera, &picture(now, self.pictures, key, bytes));
                self.pictures += 1;
            }
            self.sounds += 1;
            world.run(ms(20));
        }
    }
}

fn pictures_of(world: &World, n: usize, mid: Mid) -> Vec<(u64, u64)> {
    let of_mid = world.peers[n].media.iter().filter(|data| data.mid == mid);
    of_mid.map(|data| (number_of_annex_b(&data.data), data.time.numer())).collect()
}

#[test]
fn every_frame_of_a_feed_reaches_a_browser() {
    let mut world = World::new(Media::default());
    join_phone(&mut world);
    open_feed(&mut world, Microphone, FrameCodec::Opus);
    open_feed(&mut world, Camera, FrameCodec::H264);
    let (n, [audio, video]) = viewer(&mut world);
    Phone::new(50).run(&mut world, 4_000);
    let got = pictures_of(&world, n, video);
    assert_eq!(got.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    assert!(got.windows(2).all(|w| w[1].1 - w[0].1 == 3_600), "{got:?}");
    let sounds = world.peers[n].media.iter().filter(|data| data.mid == audio).count();
    assert_eq!(sounds, 200);
    let started = world.events.iter().filter(|e| matches!(e, Event::TrackStarted { participant: PHONE, .. })).count();
    assert_eq!((started, world.worker.stats().frames_in), (2, 300));
    world.command(Command::CloseFeed { participant: PHONE, track: Camera });
    let ended = Event::TrackEnded { participant: PHONE, track: Camera };
    assert!(world.events.contains(&ended));
    let now = world.now.instant;
    world.feed(PHONE, Camera, &picture(now, 0, true, 100));
    assert_eq!(world.worker.stats().frames_in, 300, "closed");
}

#[test]
fn who_feeds_is_told_whether_anybody_takes_it() {
    let mut world = World::new(Media::default());
    join_phone(&mut world);
    open_feed(&mut world, Microphone, FrameCodec::Opus);
    open_feed(&mut world, Camera, FrameCodec::H264);
    let told = |world: &mut World| -> Vec<_> {
        let wanted = |(_, output)| match output {
            FrameOutput::Feed { participant: PHONE, track, fact: FeedFact::Wanted(on) } => Some((track, on)),
            FrameOutput::Feed { .. } | FrameOutput::Tap(..) => None,
        };
        world.frames_out.drain(..).filter_map(wanted).collect()
    };
    assert_eq!(told(&mut world), [], "nobody is there");
    let (n, [audio, _]) = viewer(&mut world);
    assert_eq!(told(&mut world), [(Microphone, true), (Camera, true)]);
    world.command(Command::OpenTap { tap: TapId(1), publisher: PHONE, track: Microphone });
    world.redirect(n, audio, Direction::Inactive);
    assert_eq!(told(&mut world), [], "the tap still takes it");
    world.command(Command::CloseTap { tap: TapId(1) });
    assert_eq!(told(&mut world), [(Microphone, false)]);
    let participant = world.peers[n].participant;
    world.command(Command::Leave { participant });
    assert_eq!(told(&mut world), [(Camera, false)]);
    let (n, _) = viewer(&mut world);
    assert_eq!(told(&mut world), [(Microphone, true), (Camera, true)]);
    let mut deaf = Privileges::ALL;
    deaf.receive_audio = false;
    let participant = world.peers[n].participant;
    world.command(Command::Join { room: ROOM, participant, privileges: deaf });
    assert_eq!(told(&mut world), [(Microphone, false)]);
}

#[test]
fn a_late_viewer_of_a_feed_catches_up_at_once() {
    let mut world = World::new(Media::default());
    join_phone(&mut world);
    open_feed(&mut world, Microphone, FrameCodec::Opus);
    open_feed(&mut world, Camera, FrameCodec::H264);
    let mut phone = Phone::new(100);
    phone.run(&mut world, 5_500);
    let (n, [_, video]) = viewer(&mut world);
    let before = phone.pictures;
    phone.run(&mut world, 500);
    let got = pictures_of(&world, n, video);
    assert_eq!(got.first().map(|(n, _)| *n), Some(100), "the last keyframe");
    assert!(got.windows(2).all(|w| w[1].0 == w[0].0 + 1 && w[1].1 > w[0].1), "{got:?}");
    let at = |n: u64| got.iter().find(|(number, _)| *number == n).expect("seen").1;
    assert!(at(before - 1) - at(100) <= 450, "what is past passes in a moment: {got:?}");
    assert_eq!(at(before + 10) - at(before + 9), 3_600);
    assert!(got.last().is_some_and(|(n, _)| *n + 2 >= phone.pictures), "it is where the phone is: {got:?}");
}

#[test]
fn a_viewer_who_lost_too_much_gets_the_last_keyframe_again() {
    let mut world = World::new(Media::default());
    join_phone(&mut world);
    open_feed(&mut world, Microphone, FrameCodec::Opus);
    open_feed(&mut world, Camera, FrameCodec::H264);
    let (n, [_, video]) = viewer(&mut world);
    let mut phone = Phone::new(100);
    phone.run(&mut world, 2_000);
    let ask = |world: &mut World| {
        let mut writer = world.peers[n].rtc.writer(video).expect("a section");
        writer.request_keyframe(None, str0m::media::KeyframeRequestKind::Pli).expect("PLI was negotiated");
    };
    world.peers[n].media.clear();
    for _ in 0..3 {
        ask(&mut world);
        phone.run(&mut world, 200);
    }
    let got: Vec<u64> = pictures_of(&world, n, video).into_iter().map(|(n, _)| n).collect();
    assert_eq!(got.iter().filter(|n| **n == 0).count(), 1, "once a second: {got:?}");
    assert!(got.last().is_some_and(|n| *n + 2 >= phone.pictures), "{got:?}");
    let times: Vec<u64> = pictures_of(&world, n, video).into_iter().map(|(_, time)| time).collect();
    assert!(times.windows(2).all(|w| w[1] > w[0]), "{times:?}");
}

/// Of what a peer got in a section: frame number, how long it was under way. `each`: from one frame to the next.
fn under_way(
    world: &World,
    n: usize,
    mid: Mid,
    start: Instant,
    each: u64,
    number: fn(&[u8]) -> u64,
) -> Vec<(u64, Duration)> {
    let of_mid = world.peers[n].media.iter().filter(|data| data.mid == mid);
    let late = |data: &str0m::media::MediaData| {
        let n = number(&data.data);
        (n, data.network_time.saturating_duration_since(start + ms(n * each)))
    };
    of_mid.map(late).collect()
}

#[test]
fn a_path_that_bears_less_than_a_feed_gets_all_sound_and_each_keyframe() {
    let mut world = World::new(Media::default());
    join_phone(&mut world);
    open_feed(&mut world, Microphone, FrameCodec::Opus);
    open_feed(&mut world, Camera, FrameCodec::H264);
    let (slow, [slow_audio, slow_video]) = viewer(&mut world);
    let (good, [good_audio, good_video]) = viewer(&mut world);
    let capped = Profile { delay_ms: 20.0, kbps: 600.0, queue_ms: 500.0, ..Profile::default() };
    world.weather.insert((false, slow), impair::Link::new(capped, 7));
    // 1.5 Mbit/s, a keyframe each two seconds.
    let mut phone = Phone { bytes: 7_000, ..Phone::new(50) };
    let start = world.now.instant;
    phone.run(&mut world, 60_000);
    world.run(ms(1_500));
    let sound = |n, mid| under_way(&world, n, mid, start, 20, number_of_sound);
    let pictures = |n, mid| under_way(&world, n, mid, start, 40, number_of_annex_b);

    let (whole, all) = (sound(good, good_audio), pictures(good, good_video));
    assert_eq!((whole.len(), all.len()), (3_000, 1_500), "the others notice nothing");
    assert!(all.iter().chain(&whole).all(|(_, late)| *late < ms(60)));

    // The first seconds show what the path bears.
    let heard: Vec<_> = sound(slow, slow_audio).into_iter().filter(|(n, _)| *n >= 250).collect();
    assert_eq!(heard.len(), 2_750, "all of its sound");
    let mut late: Vec<_> = heard.iter().map(|(_, late)| *late).collect();
    late.sort_unstable();
    assert!(late[late.len() * 99 / 100] < ms(400), "{:?}", late[late.len() * 99 / 100]);

    let seen = pictures(slow, slow_video);
    let keys: Vec<_> = seen.iter().filter(|(n, _)| n % 50 == 0 && *n >= 150).collect();
    assert!(keys.len() >= 26, "{} of 27 keyframes: {keys:?}", keys.len());
    assert!(seen.iter().filter(|(n, _)| *n >= 150).all(|(_, late)| *late < ms(2_000)), "{seen:?}");
    let mut grades = world.events.iter().filter_map(|event| match event {
        Event::Quality { users, .. } => Some(users.clone()),
        _ => None,
    });
    let last = grades.next_back().expect("told");
    let grade = |n: usize| last.iter().find(|(id, _)| *id == world.peers[n].participant).expect("told").1.downlink;
    assert!(grade(slow) >= 4 && grade(good) <= 2, "{last:?}");
}

#[test]
fn refused_feeds_say_why() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, ..] = support::pair(&mut world);
    support::talk(&mut world, 1, a_audio, a_video);
    join_phone(&mut world);
    let mut open = |participant, track, codec| {
        world.command(Command::OpenFeed { participant, track, codec, reordered: true });
        world.frames_out.pop().map(|(_, output)| output)
    };
    let told = |participant, track, fact| Some(FrameOutput::Feed { participant, track, fact });
    let refused = |participant, track, refusal| told(participant, track, FeedFact::Refused(refusal));
    let nobody = ParticipantId(99);
    assert_eq!(open(nobody, Camera, FrameCodec::H264), refused(nobody, Camera, FeedRefusal::Gone));
    assert_eq!(open(PHONE, Camera, FrameCodec::Av1), refused(PHONE, Camera, FeedRefusal::Codec));
    assert_eq!(open(PHONE, Microphone, FrameCodec::H264), refused(PHONE, Microphone, FeedRefusal::Codec));
    assert_eq!(open(A, Camera, FrameCodec::H264), refused(A, Camera, FeedRefusal::Taken));
    assert_eq!(open(PHONE, Camera, FrameCodec::H264), told(PHONE, Camera, FeedFact::BFramesLeftOut));
}

fn tapped(world: &World, tap: TapId) -> Vec<&TapOutput> {
    let of_tap = |output: &'_ FrameOutput| matches!(output, FrameOutput::Tap(of, _) if *of == tap);
    let all = world.frames_out.iter().map(|(_, output)| output).filter(|output| of_tap(output));
    all.filter_map(|output| if let FrameOutput::Tap(_, output) = output { Some(output) } else { None }).collect()
}

fn frames_of(world: &World, tap: TapId) -> Vec<&Frame> {
    let mut frames = Vec::new();
    for output in tapped(world, tap) {
        if let TapOutput::Frame(frame) = output {
            frames.push(frame);
        }
    }
    frames
}

/// A page that publishes whole H.264 pictures; keyframes when they are asked for.
struct Page {
    n: usize,
    mid: Mid,
    pictures: u64,
    asked: usize,
}

impl Page {
    fn join(world: &mut World) -> Self {
        world.whole_frames = true;
        let n = world.add_peer();
        let mid = world.offer(n, &[Want::Send(Camera)])[0];
        world.run(ms(500));
        Self { n, mid, pictures: 0, asked: 0 }
    }

    fn run(&mut self, world: &mut World, millis: u64) {
        for _ in 0..millis / 40 {
            let asked = world.peers[self.n].keyframe_requests.len();
            let key = self.pictures == 0 || asked > self.asked;
            self.asked = asked;
            let frame = annex_b(self.pictures, key, if key { 12_000 } else { 3_000 });
            let time = MediaTime::new(self.pictures * 3_600, Frequency::NINETY_KHZ);
            world.send_whole(self.n, self.mid, Codec::H264, time, frame);
            self.pictures += 1;
            world.run(ms(40));
        }
    }
}

#[test]
fn a_tap_yields_every_picture_in_order_from_a_keyframe_on() {
    let mut world = World::new(Media::default());
    let mut page = Page::join(&mut world);
    let publisher = world.peers[page.n].participant;
    world.command(Command::OpenTap { tap: TAP, publisher, track: Camera });
    page.run(&mut world, 4_000);
    let outputs = tapped(&world, TAP);
    assert!(matches!(outputs[..2], [TapOutput::Hold(_), TapOutput::Codec(FrameCodec::H264)]), "{:?}", &outputs[..2]);
    let frames = frames_of(&world, TAP);
    let numbers: Vec<u64> = frames.iter().map(|frame| number_of_frame(frame)).collect();
    assert!(numbers.len() >= 98 && numbers.windows(2).all(|w| w[1] == w[0] + 1), "{numbers:?}");
    assert!(frames[0].key && frames.iter().filter(|frame| frame.key).count() == 1);
    let whole = picture(frames[0].at, 0, true, 12_000);
    assert_eq!(frames[0].payload, whole.payload, "as it was encoded");
    assert!(frames.windows(2).all(|w| (w[1].at - w[0].at).abs_diff(ms(40)) <= ms(3)));
}

#[test]
fn late_taps_share_a_recent_keyframe_and_ask_for_one_otherwise() {
    let mut world = World::new(Media::default());
    let mut page = Page::join(&mut world);
    let publisher = world.peers[page.n].participant;
    let open = |world: &mut World, tap| world.command(Command::OpenTap { tap, publisher, track: Camera });
    open(&mut world, TAP);
    page.run(&mut world, 2_000);
    let late = TapId(6);
    let asked = world.peers[page.n].keyframe_requests.len();
    open(&mut world, late);
    page.run(&mut world, 240);
    assert_eq!(world.peers[page.n].keyframe_requests.len(), asked + 1);
    let key = number_of_frame(frames_of(&world, late)[0]);
    assert!(frames_of(&world, late)[0].key && page.pictures - key <= 6);
    let third = TapId(7);
    open(&mut world, third);
    let at_once = frames_of(&world, third);
    assert_eq!(
        at_once.iter().map(|f| number_of_frame(f)).collect::<Vec<_>>(),
        (key..page.pictures).collect::<Vec<_>>()
    );
    page.run(&mut world, 1_000);
    assert_eq!(world.peers[page.n].keyframe_requests.len(), asked + 1, "the same one served both");

    world.command(Command::CloseTap { tap: late });
    let before = frames_of(&world, late).len();
    page.run(&mut world, 200);
    assert_eq!(frames_of(&world, late).len(), before);
    world.command(Command::Leave { participant: publisher });
    assert_eq!(tapped(&world, TAP).last(), Some(&&TapOutput::Ended));
    assert_eq!(tapped(&world, third).last(), Some(&&TapOutput::Ended));
}

#[test]
fn a_tap_of_nobody_ends_at_once() {
    let mut world = World::new(Media::default());
    world.command(Command::OpenTap { tap: TAP, publisher: PHONE, track: Camera });
    assert_eq!(tapped(&world, TAP), [&TapOutput::Ended]);
}

#[test]
fn a_silent_track_is_told_and_its_return_too() {
    let mut world = World::new(Media::default());
    let mut page = Page::join(&mut world);
    let publisher = world.peers[page.n].participant;
    world.command(Command::OpenTap { tap: TAP, publisher, track: Camera });
    page.run(&mut world, 1_000);
    world.run(ms(3_000));
    assert_eq!(tapped(&world, TAP).last(), Some(&&TapOutput::Silent(true)));
    page.run(&mut world, 200);
    let silences = tapped(&world, TAP).into_iter().filter(|o| matches!(o, TapOutput::Silent(_))).count();
    assert_eq!(silences, 2);
}

/// The codecs of the answered section of `mid`, and whether it has the orientation extension.
fn answered(world: &World, mid: Mid) -> (Vec<String>, bool) {
    let answer = carillon_proto::sdp::Session::parse(&world.last_answer).expect("a good answer");
    let section = answer.sections.iter().find(|s| s.mid.as_deref() == Some(&*mid.to_string())).expect("there");
    let named = section.payloads.iter().map(|p| p.name.to_ascii_uppercase()).filter(|name| name != "RTX");
    let upright = section.extensions.iter().any(|e| e.uri == "urn:3gpp:video-orientation");
    (named.collect(), upright)
}

#[test]
fn a_room_that_wants_h264_has_its_publishers_offer_again() {
    let mut world = World::new(Media::default());
    let [a_audio, a_video, _, b_video] = support::pair(&mut world);
    support::talk(&mut world, 1, a_audio, a_video);
    let (codecs, turned) = answered(&world, b_video);
    assert!(codecs.contains(&"VP8".to_owned()) && turned, "{codecs:?}");
    let wanted = |world: &World| {
        world.events.iter().filter(|e| matches!(e, Event::RenegotiationWanted { participant: A })).count()
    };
    let policy = |video| Command::SetRoomCodec { room: ROOM, video };
    world.command(policy(VideoPolicy::H264));
    world.command(policy(VideoPolicy::H264));
    assert_eq!(wanted(&world), 1, "A publishes VP8");
    world.redirect(0, a_video, Direction::Inactive);
    world.redirect(0, a_video, Direction::SendOnly);
    let (codecs, turned) = answered(&world, a_video);
    assert!(!codecs.is_empty() && codecs.iter().all(|codec| codec == "H264") && !turned, "{codecs:?}");
    world.command(policy(VideoPolicy::Any));
    world.command(policy(VideoPolicy::H264));
    assert_eq!(wanted(&world), 1, "it publishes H.264 now");
}

#[test]
fn a_publisher_who_reloads_goes_on_in_the_same_tap() {
    let mut world = World::new(Media::default());
    let mut page = Page::join(&mut world);
    let publisher = world.peers[page.n].participant;
    world.command(Command::OpenTap { tap: TAP, publisher, track: Camera });
    page.run(&mut world, 1_000);
    let before = frames_of(&world, TAP).len();
    world.reload_peer(page.n);
    page.mid = world.offer(page.n, &[Want::Send(Camera)])[0];
    world.run(ms(500));
    (page.pictures, page.asked) = (0, 0);
    page.run(&mut world, 1_000);
    let frames = frames_of(&world, TAP);
    assert!(frames.len() > before + 20 && frames[before].key, "{} {before}", frames.len());
    assert!(frames.windows(2).all(|w| w[1].at > w[0].at), "time goes on");
    let lost = tapped(&world, TAP).into_iter().filter(|o| matches!(o, TapOutput::Lost)).count();
    assert_eq!(lost, 1);
}

#[test]
fn a_feed_in_the_place_of_another_goes_on_where_that_was() {
    let mut world = World::new(Media::default());
    join_phone(&mut world);
    open_feed(&mut world, Microphone, FrameCodec::Opus);
    open_feed(&mut world, Camera, FrameCodec::H264);
    let (n, [_, video]) = viewer(&mut world);
    let mut phone = Phone::new(50);
    phone.run(&mut world, 1_000);
    open_feed(&mut world, Camera, FrameCodec::H264);
    phone.pictures = 50;
    phone.run(&mut world, 1_000);
    let got: Vec<u64> = pictures_of(&world, n, video).into_iter().map(|(n, _)| n).collect();
    assert_eq!(got, (0..25).chain(50..75).collect::<Vec<_>>());
    assert_eq!(world.events.iter().filter(|e| matches!(e, Event::TrackEnded { .. })).count(), 0);
    world.command(Command::Leave { participant: PHONE });
    assert_eq!(world.events.iter().filter(|e| matches!(e, Event::TrackEnded { .. })).count(), 2);
    assert_eq!(world.worker.stats().publications, 0);
}
