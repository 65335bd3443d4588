//! What a tap yields whatever comes: numbers in any order, times that jump, payloads that are none, codecs that change.

use super::*;
use crate::ingress::Marks;
use crate::recovery::history::Limits;
use crate::testing::start;
use crate::transport::H264Profile;
use bytes::Bytes;

const TAP: TapId = TapId(1);
const H264: Codec = Codec::H264(H264Profile::ConstrainedBaseline);

struct Run {
    playout: Playout,
    history: History,
    now: Instant,
    epoch: u32,
    out: Outputs,
    need: Need,
}

impl Run {
    fn new(kind: Kind, start: Instant) -> Self {
        let limits = Limits { age: Duration::from_secs(3), packets: 500, bytes: 1 << 20 };
        let mut run = Self {
            playout: Playout::new(kind),
            history: History::new(limits, 4096),
            now: start,
            epoch: 0,
            out: Outputs::new(),
            need: Need::default(),
        };
        assert!(run.playout.open(start, Duration::from_millis(400), TAP, &mut run.out));
        run
    }

    fn packet(&mut self, seq: u64, time: u32, codec: Codec, marker: bool, payload: &[u8]) {
        let packet = Packet::for_test(seq, self.now, Bytes::copy_from_slice(payload));
        let marks = Marks::read(codec, payload);
        self.history.insert(Packet { time: RtpTime(time), codec, marker, marks, ..packet });
    }

    fn advance(&mut self) {
        let view = View {
            now: self.now,
            epoch: self.epoch,
            history: &self.history,
            line: None,
            round_trip: Some(Duration::from_millis(40)),
            jitter: Duration::ZERO,
            late_start: Duration::from_millis(400),
        };
        self.need = self.playout.advance(view, &mut self.out);
    }

    /// Time passes up to where reading is due.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.need.due.filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.advance();
        }
        self.now = end;
        self.advance();
    }

    fn frames(&self) -> usize {
        self.out.iter().filter(|o| matches!(o, FrameOutput::Tap(_, TapOutput::Frame(_)))).count()
    }

    /// Time rises; video begins with a keyframe, and after each loss and change of codec.
    fn check(&self) {
        let (mut at, mut codec, mut begun) = (None, None, false);
        for output in &self.out {
            let FrameOutput::Tap(tap, output) = output else { panic!("no feed here") };
            assert_eq!(*tap, TAP);
            match output {
                TapOutput::Frame(frame) => {
                    assert!(at.is_none_or(|before| frame.at > before) && codec == Some(frame.codec));
                    assert!(begun || frame.key, "nothing to decode it with");
                    (at, begun) = (Some(frame.at), true);
                }
                TapOutput::Codec(next) => (codec, begun) = (Some(*next), false),
                TapOutput::Lost => begun = false,
                TapOutput::Hold(_) | TapOutput::Silent(_) | TapOutput::Ended => {}
            }
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn a_hole_is_waited_for_and_then_passed_at_the_next_keyframe() {
    let t = start();
    let mut run = Run::new(Kind::Video, t);
    let (key, inter) = ([0x10, 0x00, 7], [0x10, 0x01, 7]);
    for (seq, payload) in [(1, &key), (2, &inter), (4, &inter), (5, &inter)] {
        run.packet(seq, seq as u32 * 3_000, Codec::Vp8, true, payload);
        run.advance();
    }
    assert_eq!((run.frames(), run.need.due), (2, Some(t + Duration::from_millis(500))));
    assert!(!run.need.keyframe, "the hole may be filled yet");
    run.wait(Duration::from_millis(550));
    assert!(run.need.keyframe && run.out.back() == Some(&FrameOutput::Tap(TAP, TapOutput::Lost)));
    run.packet(6, 18_000, Codec::Vp8, true, &key);
    run.advance();
    assert_eq!((run.frames(), run.need.keyframe), (3, false));
    run.check();
}

#[test]
fn a_hole_that_is_filled_in_time_costs_nothing() {
    let mut run = Run::new(Kind::Audio, start());
    for seq in [1, 3, 4] {
        run.packet(seq, seq as u32 * 960, Codec::Opus, false, &[7]);
        run.advance();
    }
    run.wait(Duration::from_millis(100));
    run.packet(2, 2 * 960, Codec::Opus, false, &[7]);
    run.advance();
    assert_eq!(run.frames(), 4);
    assert!(!run.out.contains(&FrameOutput::Tap(TAP, TapOutput::Lost)));
    run.packet(7, 7 * 960, Codec::Opus, false, &[7]);
    run.advance();
    run.wait(Duration::from_millis(300));
    assert_eq!(run.frames(), 5, "sound goes on without");
    run.check();
}

#[test]
fn frames_that_end_without_a_marker_end_with_the_next() {
    let mut run = Run::new(Kind::Video, start());
    for (seq, time, payload) in [(1, 0, &[0x67, 1][..]), (2, 0, &[0x68, 1]), (3, 0, &[0x65, 1]), (4, 9, &[0x41, 1])] {
        run.packet(seq, time, H264, false, payload);
        run.advance();
    }
    assert_eq!(run.frames(), 1);
    run.check();
}

#[test]
fn whatever_comes_time_rises_and_decoding_can_follow() {
    let payloads: [&[u8]; 12] = [
        &[],
        &[0x67, 1],
        &[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2],
        &[0x65, 1],
        &[0x7c, 0x85, 1],
        &[0x7c, 0x45, 1],
        &[0x41, 1],
        &[0x10, 0x00, 1],
        &[0x10, 0x01, 1],
        &[0x00, 5],
        &[0x90, 0xe0],
        &[0xff; 9],
    ];
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let kind = if seed % 4 == 0 { Kind::Audio } else { Kind::Video };
        let mut run = Run::new(kind, start());
        let (mut head, mut time) = (70_000, 0_u32);
        for _ in 0..1_500 {
            head += dice.below(3);
            time = match dice.below(40) {
                0 => dice.below(1 << 32) as u32,
                1..=15 => time.wrapping_add(3_000),
                _ => time,
            };
            let codec = match (kind, dice.below(60)) {
                (Kind::Audio, _) => Codec::Opus,
                (Kind::Video, 0) => Codec::Vp9,
                (Kind::Video, 1..=25) => Codec::Vp8,
                (Kind::Video, _) => H264,
            };
            let payload = payloads[dice.below(payloads.len() as u64) as usize];
            run.packet(head - dice.below(8), time, codec, dice.below(3) == 0, payload);
            if dice.below(200) == 0 {
                run.history.clear();
                run.epoch += 1;
                head = 70_000 + dice.below(1_000);
            }
            run.advance();
            if dice.below(5) == 0 {
                run.wait(Duration::from_millis(dice.below(400)));
            }
        }
        run.check();
        assert!(kind == Kind::Video || run.frames() > 0, "seed {seed}");
    }
}
