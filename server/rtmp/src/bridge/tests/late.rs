//! A publisher behind a path that delays: what comes late keeps its times on the stream's clock.

use super::*;
use crate::transcode::{OPUS_BLOCK, PureEncoder};

/// Sound up to half a second late, in order, as taps yield it; from `lost` to 200 ms after it none at all. Pictures come in time.
fn run(lost: u64) -> Vec<Tag> {
    let (start, mut players) = (start(), ToPlayers::new().expect("codecs"));
    let mut payload = Vec::new();
    PureEncoder::new(1).expect("an encoder").encode(&[0.1; OPUS_BLOCK], &mut payload).expect("encodes");
    let sound = Frame { codec: FrameCodec::Opus, at: start, key: true, payload: payload.into() };
    let late = |n: u64| if n < 50 { 30 } else { 30 + n * 7_919 % 470 };
    let mut came: Vec<(u64, u64)> = Vec::new();
    for n in (0..500).filter(|n| !(lost..lost + 200).contains(&(n * 20))) {
        let before = came.last().map_or(0, |(came, _)| *came);
        came.push((before.max(n * 20 + late(n)), n * 20));
    }
    let (mut came, mut tags) = (came.into_iter().peekable(), Vec::new());
    for tick in 0..10_000 {
        let now = start + ms(tick);
        while players.poll_timeout().is_some_and(|due| due <= now) {
            players.handle_timeout(now);
        }
        while let Some((_, at)) = came.next_if(|(came, _)| *came <= tick) {
            players.handle_frame(now, Frame { at: start + ms(at), ..sound.clone() });
        }
        if tick % 40 == 30 {
            let parts: &[&[u8]] = if tick == 30 { &[&SPS, &PPS, &IDR] } else { &[&SLICE] };
            let payload = access_unit(parts).into();
            let at = start + ms(tick - 30);
            players.handle_frame(now, Frame { codec: FrameCodec::H264, at, key: tick == 30, payload });
        }
        tags.extend(std::iter::from_fn(|| players.poll_output()));
    }
    tags
}

#[test]
fn late_sound_keeps_its_times_and_so_do_pictures() {
    for lost in [4_000, 20_000] {
        let tags = run(lost);
        assert!(tags.windows(2).all(|pair| pair[0].at <= pair[1].at), "time never steps back");
        let times = |flow| tags.iter().filter(move |tag| tag.flow == flow).map(|tag| tag.at).collect::<Vec<_>>();
        // Each flow's configuration has the time of what follows it.
        let steps = |flow| times(flow).windows(2).skip(1).map(|two| two[1] - two[0]).collect::<Vec<_>>();
        let (sound, pictures) = (steps(Flow::Audio), steps(Flow::Video));
        assert!(sound.len() > 430 && sound.iter().all(|step| (21..=22).contains(step)), "lost {lost}: {sound:?}");
        assert!(pictures.len() > 220 && pictures.iter().all(|step| *step == 40), "lost {lost}: {pictures:?}");
    }
}
