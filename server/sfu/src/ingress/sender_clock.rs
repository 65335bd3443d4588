//! What a publisher's sender reports say of its media clock, made steady.

use carillon_proto::rtcp::NtpTime;
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtp::RtpTime;
use std::time::Instant;

/// A report that lies further from those before speaks of another line.
const JUMP: f64 = 0.5;

/// Share of a later line that a report moves to. A clock that is 200 ppm slow, told each 5 s, is followed 8 ms behind.
const LATER: f64 = 1.0 / 8.0;

/// Seconds beyond which threads are seldom late: the sound itself may have moved (its device stood still), and stays there.
const MOVED: f64 = 0.06;

/// The share where it may have: three reports later an eighth is left.
const LATER_MOVED: f64 = 1.0 / 2.0;

/// The publisher's own clocks at one moment: wall and media.
///
/// Browsers know no moment of capture for sound: their reports take a packet for captured when it was sent (RTCPSender of
/// libwebrtc), so that each lies later by as much as the machine's threads were late just then, 20 ms and more. Nothing
/// makes one lie earlier. So the earliest line is believed at once, and a later one by and by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderClock {
    pub(crate) ntp: NtpTime,
    pub(crate) rtp_time: RtpTime,
    pub(crate) arrival: Instant,
}

impl SenderClock {
    /// After another report, which came at `now`.
    pub(super) fn follow(before: Option<Self>, now: Instant, info: &SenderInfo, clock_hz: u32) -> Self {
        let told = Self { ntp: info.ntp, rtp_time: info.rtp_time, arrival: now };
        let Some(before) = before else { return told };
        let hz = f64::from(clock_hz.max(1));
        let passed = info.ntp.to_unix().as_secs_f64() - before.ntp.to_unix().as_secs_f64();
        let expected = RtpTime(before.rtp_time.0.wrapping_add((passed * hz).round() as i64 as u32));
        let later = -f64::from(info.rtp_time.since(expected)) / hz;
        if !(0.0..JUMP).contains(&later) {
            return told;
        }
        let share = if later > MOVED { LATER_MOVED } else { LATER };
        let back = (later * (1.0 - share) * hz) as u32;
        Self { rtp_time: info.rtp_time.wrapping_add(back), ..told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use carillon_proto::rtp::Ssrc;
    use std::time::Duration;

    const HZ: u32 = 48_000;

    /// Reports each 5 s of a clock that is off by `ppm`, sent as late as `late` says: how far each result lies from the
    /// truth, in milliseconds.
    fn run(ppm: f64, reports: u32, late: impl Fn(u32) -> f64) -> Vec<f64> {
        let mut clock = None;
        let zero = u32::MAX - 400_000;
        let error = |n: u32| {
            let seconds = f64::from(n) * 5.0;
            let ticks = |s: f64| RtpTime(zero.wrapping_add((s * (1.0 + ppm / 1e6) * f64::from(HZ)) as u32));
            let ntp = NtpTime::from_unix(Duration::from_secs_f64(1e9 + seconds));
            let info = SenderInfo { ssrc: Ssrc(1), ntp, rtp_time: ticks(seconds - late(n)), packets: 0, octets: 0 };
            let now = SenderClock::follow(clock, start(), &info, HZ);
            clock = Some(now);
            assert_eq!(now.ntp, ntp);
            -f64::from(now.rtp_time.since(ticks(seconds))) / f64::from(HZ) * 1e3
        };
        (0..reports).map(error).collect()
    }

    #[test]
    fn sound_that_moved_is_followed_within_three_reports() {
        let errors = run(0.0, 20, |n| if n < 8 { 0.0 } else { 0.3 });
        assert!((140.0..=150.0).contains(&errors[8]), "{errors:?}");
        assert!((240.0..=300.0).contains(&errors[10]), "{errors:?}");
    }

    #[test]
    fn late_threads_move_little() {
        let errors = run(0.0, 200, |n| [0.012, 0.02, 0.002, 0.018, 0.03, 0.001, 0.011][n as usize % 7]);
        assert!(errors[6..].iter().all(|e| (0.0..10.0).contains(e)), "{errors:?}");
        let steps: Vec<f64> = errors[6..].windows(2).map(|w| (w[1] - w[0]).abs()).collect();
        assert!(steps.iter().all(|s| *s < 7.0), "{steps:?}");
    }

    #[test]
    fn clocks_off_by_200_parts_in_a_million_are_followed() {
        for ppm in [-200.0, 200.0] {
            let errors = run(ppm, 400, |_| 0.0);
            assert!(errors.iter().all(|e| e.abs() < 9.0), "{ppm} ppm: {errors:?}");
        }
    }

    #[test]
    fn a_line_of_another_source_is_taken_as_it_is() {
        let errors = run(0.0, 20, |n| if n < 10 { 0.0 } else { 3.0 });
        assert!((errors[10] - 3_000.0).abs() < 0.1, "{errors:?}");
    }
}
