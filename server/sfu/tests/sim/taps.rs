//! Taps of publishers behind bad paths: who plays their frames sees time go forward, few freezes, whole sound.

use crate::call::ms;
use crate::network::Leg;
use crate::publisher::Content;
use crate::world::World;
use carillon_proto::frame::Frame;
use carillon_proto::gateway::TrackName::{self, Camera, Microphone};
use carillon_sfu::{Command, FrameOutput, RoomKey, TapId, TapOutput};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const ROOM: RoomKey = RoomKey(1);
/// From one picture to the next, and from one packet of sound.
const PICTURE: Duration = Duration::from_millis(40);
const SOUND: Duration = Duration::from_millis(20);

/// A publisher of 25 pictures a second and sound, both tapped, on a path like this.
fn tapped(seed: u64, leg: Leg, seconds: u64) -> World {
    let mut world = World::new(seed, leg, leg);
    let n = world.join(ROOM, true);
    world.clients[n].rhythm = (1, 2);
    world.offer(n);
    let publisher = world.clients[n].participant;
    for (tap, track) in [(tap_of(Microphone), Microphone), (tap_of(Camera), Camera)] {
        world.command(Command::OpenTap { tap, publisher, track });
    }
    world.run(ms(seconds * 1_000));
    world
}

fn tap_of(track: TrackName) -> TapId {
    TapId(track as u64)
}

/// When each frame came out, and what it was.
fn frames(world: &World, track: TrackName) -> Vec<(Instant, &Frame, Content)> {
    let mut frames = Vec::new();
    for (at, output) in &world.frames {
        if let FrameOutput::Tap(tap, TapOutput::Frame(frame)) = output
            && *tap == tap_of(track)
        {
            frames.push((*at, frame, Content::read(&frame.payload)));
        }
    }
    frames
}

/// Time and content go forward, each frame is whole, and few come later than was told.
fn check_order(world: &World, track: TrackName) {
    let (mut hold, mut late, mut count) = (Duration::ZERO, 0, 0);
    let mut last: Option<(&Frame, Content)> = None;
    for (came, output) in &world.frames {
        let FrameOutput::Tap(tap, output) = output else { continue };
        match output {
            TapOutput::Hold(told) if *tap == tap_of(track) => hold = *told,
            TapOutput::Frame(frame) if *tap == tap_of(track) => {
                let content = Content::read(&frame.payload);
                assert_eq!(content.index + 1, content.count, "whole to its last packet");
                if let Some((before, number)) = last {
                    assert!(frame.at > before.at, "{number:?} {content:?}");
                    assert!(content.frame > number.frame, "{number:?} {content:?}");
                    assert!(track == Microphone || frame.key || content.frame == number.frame + 1, "decodable");
                }
                count += 1;
                late += u32::from(came.saturating_duration_since(frame.at) > hold);
                last = Some((frame, content));
            }
            _ => {}
        }
    }
    assert!(late <= 1 + count / 50, "{late} of {count} came later than told");
}

/// The share of time that a player stands still: what frames lack between those that came.
fn missing(world: &World, track: TrackName, span: Duration, settle: Duration) -> f64 {
    let all = frames(world, track);
    let start = all.first().expect("frames").1.at + settle;
    let late: Vec<_> = all.iter().filter(|(_, frame, _)| frame.at >= start).collect();
    let (first, last) = (late.first().expect("frames").2, late.last().expect("frames").2);
    let wanted = f64::from(last.frame - first.frame) * span.as_secs_f64();
    let stood: f64 = late.windows(2).map(|w| f64::from(w[1].2.frame - w[0].2.frame - 1) * span.as_secs_f64()).sum();
    stood / wanted
}

/// How far picture and sound of one moment lie apart. A client captures sound each tick, a picture each second one.
fn skew(world: &World, settle: Duration) -> Duration {
    let sounds: BTreeMap<u32, Instant> =
        frames(world, Microphone).into_iter().map(|(_, f, c)| (c.frame, f.at)).collect();
    let pictures = frames(world, Camera);
    let start = pictures.first().expect("frames").1.at + settle;
    let late = pictures.into_iter().filter(|(_, frame, _)| frame.at >= start);
    let skews = late.filter_map(|(_, frame, content)| {
        let sound = *sounds.get(&(2 * content.frame + 1))?;
        Some(sound.max(frame.at) - sound.min(frame.at))
    });
    skews.max().expect("both")
}

fn holds_on(leg: Leg) {
    for seed in 0..3 {
        let world = tapped(seed, leg, 40);
        for (track, span, most) in [(Camera, PICTURE, 0.02), (Microphone, SOUND, 0.01)] {
            check_order(&world, track);
            let share = missing(&world, track, span, ms(5_000));
            assert!(share <= most, "seed {seed}: {share} of {track:?}");
        }
        let skew = skew(&world, ms(5_000));
        assert!(skew <= ms(20), "seed {seed}: {skew:?}");
    }
}

#[test]
fn good_paths_lose_nothing() {
    let world = tapped(1, Leg::GOOD, 10);
    for (track, span) in [(Camera, PICTURE), (Microphone, SOUND)] {
        check_order(&world, track);
        assert_eq!(missing(&world, track, span, ms(0)), 0.0);
    }
    assert!(skew(&world, ms(2_000)) <= ms(3), "{:?}", skew(&world, ms(2_000)));
}

#[test]
fn thirty_percent_loss_freezes_little() {
    holds_on(Leg { loss: 0.3, delay: ms(25), jitter: ms(10) });
}

#[test]
fn half_a_second_of_jitter_freezes_little() {
    holds_on(Leg { loss: 0.0, delay: ms(20), jitter: ms(500) });
}

/// Nothing is known of a path that was good until now: the first packets it loses or delays are waited for all the same.
#[test]
fn a_path_that_turns_bad_freezes_little() {
    let (loss, jitter) = (Leg { loss: 0.3, ..Leg::GOOD }, Leg { jitter: ms(500), ..Leg::GOOD });
    for (leg, most) in [(loss, ms(400)), (jitter, ms(100))] {
        let frozen = (0..8).map(|seed| {
            let mut world = tapped(seed, Leg::GOOD, 5);
            (world.up, world.down) = (leg, leg);
            world.run(ms(10_000));
            let steps = frames(&world, Camera).windows(2).map(|two| two[1].1.at - two[0].1.at).collect::<Vec<_>>();
            steps.into_iter().filter(|step| *step > ms(250)).sum::<Duration>()
        });
        let mean = frozen.sum::<Duration>() / 8;
        assert!(mean <= most, "{mean:?} of 10 s on {leg:?}");
    }
}

/// Players of a running stream, as the bridge serves them: who comes within 400 ms of a keyframe starts with it, for the
/// others a second tap stands open until a keyframe comes, and there is one such tap at a time.
#[test]
fn players_that_come_two_hundred_a_second_share_two_keyframes_a_second() {
    const LATE_START: Duration = Duration::from_millis(400);
    const PROBE: TapId = TapId(1_000);
    let mut world = tapped(3, Leg::GOOD, 3);
    let keyframe = |world: &World| {
        let keys = frames(world, Camera).into_iter().filter(|(_, frame, _)| frame.key);
        keys.map(|(came, ..)| came).next_back().expect("a keyframe")
    };
    let before = asked(&world).len();
    let (mut joined, mut waits, mut probes) = (Vec::new(), Vec::new(), false);
    for _ in 0..800 {
        let now = world.stage.now.instant;
        if now - keyframe(&world) <= LATE_START {
            waits.push(Duration::ZERO);
        } else {
            joined.push(now);
            if !std::mem::replace(&mut probes, true) {
                let publisher = world.clients[0].participant;
                world.command(Command::OpenTap { tap: PROBE, publisher, track: Camera });
            }
        }
        world.run(ms(5));
        let came = keyframe(&world);
        if joined.first().is_some_and(|first| *first <= came) {
            world.command(Command::CloseTap { tap: PROBE });
            waits.extend(joined.drain(..).map(|joined| came - joined));
            probes = false;
        }
    }
    let asked = &asked(&world)[before..];
    assert!(asked.windows(2).all(|two| two[1] - two[0] >= ms(500)), "{asked:?}");
    assert!((6..=8).contains(&asked.len()), "{} in 4 s", asked.len());
    let longest = waits.iter().max().expect("players");
    assert!(joined.len() + waits.len() == 800 && *longest <= ms(180), "{longest:?}");
}

/// When the camera's publisher was asked for keyframes.
fn asked(world: &World) -> Vec<Instant> {
    world.clients[0].publishers().find(|p| p.video).expect("a camera").keyframes_asked.clone()
}
