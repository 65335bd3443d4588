//! Names and units of the counters, in Prometheus' text form. No user and no room is ever named.

use crate::bridge;
use crate::control::Stats;
use crate::worker::Report;
use carillon_proto::gateway::CallResult;
use carillon_rtmp::Refusal;
use carillon_sfu::DropReason;
use std::fmt::{Display, Write};

/// Every result is shown from the start: a counter that appears late has no rate.
const RESULTS: [(CallResult, &str); 7] = [
    (CallResult::Cancel, "cancel"),
    (CallResult::Reject, "reject"),
    (CallResult::NotAnswer, "not_answer"),
    (CallResult::NormalEnd, "normal_end"),
    (CallResult::CallBusy, "call_busy"),
    (CallResult::Interrupt, "interrupt"),
    (CallResult::Offline, "offline"),
];

pub fn render(stats: &Stats, workers: &[Report], streams: &carillon_rtmp::Stats, bridge: &bridge::Stats) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    page.one("build_info", Kind::Gauge, "Always 1.", &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")), 1);
    render_gateway(&mut page, stats);
    render_chat(&mut page, stats);
    render_calls(&mut page, stats);
    render_control(&mut page, stats);
    render_media(&mut page, workers);
    render_streams(&mut page, streams);
    render_bridge(&mut page, bridge);
    page.0
}

fn render_gateway(page: &mut Page, stats: &Stats) {
    let s = &stats.sessions;
    page.gauge("sockets", "WebSockets open.", s.sockets);
    let states = [("online", s.sessions_online), ("lost", s.sessions_lost), ("signing_in", s.sessions_signing_in)];
    page.family("sessions", Kind::Gauge, "Gateway sessions by state; lost ones can resume.", "state", &states);
    page.counter("sign_ins", "Sessions opened.", s.sign_ins);
    page.counter("sign_ins_refused", "Sign-ins refused.", s.sign_ins_refused);
    page.counter("resumes", "Sessions resumed on a new socket.", s.resumes);
    page.counter("resumes_refused", "Resumes of sessions that are gone.", s.resumes_refused);
    page.counter("requests", "Requests of clients.", s.requests);
    let refused = [("repeated", s.requests_repeated), ("overloaded", s.requests_overloaded), ("bad", s.requests_bad)];
    page.family("requests_refused", Kind::Counter, "Requests not executed.", "reason", &refused);
    page.counter("frames_sent", "Numbered frames to clients.", s.frames_sent);
    page.counter("frames_replayed", "Frames sent again after a resume.", s.frames_replayed);
    let given_up = [("too_slow", s.too_slow), ("silent", s.silent), ("protocol", s.protocol_errors)];
    page.family("sockets_given_up", Kind::Counter, "Sockets or sessions ended by the server.", "reason", &given_up);
}

fn render_chat(page: &mut Page, stats: &Stats) {
    let s = &stats.chat;
    page.gauge("users_online", "Users with a session.", s.users_online);
    page.counter("sessions_kicked", "Sessions ended by a newer device.", s.sessions_kicked);
    page.counter("sessions_expired", "Sessions ended since their UserSig expired.", s.sessions_expired);
    let messages =
        [("accepted", s.messages_accepted), ("repeated", s.messages_repeated), ("refused", s.messages_refused)];
    page.family("messages", Kind::Counter, "Messages of clients.", "result", &messages);
    page.counter("messages_pushed", "Messages handed to sessions.", s.messages_pushed);
    page.counter("store_failures", "Commands undone since the store failed.", s.store_failures);
}

fn render_calls(page: &mut Page, stats: &Stats) {
    let s = &stats.calls;
    let running = [("waiting", s.calls_waiting), ("connected", s.calls_connected)];
    page.family("calls", Kind::Gauge, "Calls running.", "state", &running);
    let ended = RESULTS.map(|(result, name)| (name, s.calls_ended.get(&result).copied().unwrap_or_default()));
    page.family("calls_ended", Kind::Counter, "Calls ended, by the vendor's words for it.", "result", &ended);
    page.gauge("rooms", "Rooms with somebody in them.", s.rooms);
    page.gauge("seats", "Users in rooms.", s.seats);
    page.gauge("seats_lost", "Seats whose client is lost and may come back.", s.seats_lost);
    page.counter("seats_expired", "Seats whose client did not come back.", s.seats_expired);
    page.counter("strangers_removed", "Users put out of a room that became a call's.", s.strangers_removed);
    page.counter("call_messages", "Call messages that had their effect.", s.followed);
    page.counter("call_messages_ignored", "Call messages relayed without effect.", s.ignored.values().sum::<u64>());
    page.counter("room_entries_refused", "Room entries refused.", s.refused.values().sum::<u64>());
}

fn render_control(page: &mut Page, stats: &Stats) {
    let c = &stats.callbacks;
    page.gauge("callbacks_waiting", "Callbacks in the outbox.", c.waiting);
    let callbacks = [
        ("queued", c.queued),
        ("delivered", c.delivered),
        ("failed", c.failed),
        ("dropped", c.dropped),
        ("expired", c.expired),
    ];
    page.family("callbacks", Kind::Counter, "Callbacks; failed tries are repeated.", "event", &callbacks);
    page.gauge("media_rooms", "Rooms placed on media workers.", stats.media_rooms);
    page.gauge("media_seats", "Seats placed on media workers.", stats.media_seats);
    page.counter("store_commits", "Transactions that wrote.", stats.commits);
    let seconds = stats.commit_micros as f64 / 1e6;
    page.one("store_commit_seconds_total", Kind::Counter, "Time that transactions took.", "", seconds);
    page.counter("store_commit_failures", "Transactions that the store refused.", stats.commit_failures);
    page.counter("worker_refusals", "Media commands that found a mailbox full.", stats.worker_refusals);
}

fn render_media(page: &mut Page, workers: &[Report]) {
    let sum = |f: fn(&Report) -> u64| workers.iter().map(f).sum::<u64>();
    let ways = |a: fn(&Report) -> u64, b: fn(&Report) -> u64| [("in", sum(a)), ("out", sum(b))];
    let kind = Kind::Counter;
    page.gauge("media_workers", "Media threads.", workers.len() as u64);
    let rows = ways(|w| w.udp.received_datagrams, |w| w.udp.sent_datagrams);
    page.family("datagrams", kind, "Media datagrams.", "direction", &rows);
    let rows = ways(|w| w.udp.received_bytes, |w| w.udp.sent_bytes);
    page.family("datagram_bytes", kind, "Bytes of media datagrams.", "direction", &rows);
    let rows = ways(|w| w.engine.audio_packets_in, |w| w.engine.audio_packets_out);
    page.family("audio_packets", kind, "RTP packets of audio.", "direction", &rows);
    let rows = ways(|w| w.engine.video_packets_in, |w| w.engine.video_packets_out);
    page.family("video_packets", kind, "RTP packets of video.", "direction", &rows);
    let rows = ways(|w| w.engine.rtcp_packets_in, |w| w.engine.rtcp_packets_out);
    page.family("rtcp_packets", kind, "RTCP packets.", "direction", &rows);
    let rows = ways(|w| w.engine.nacks_in, |w| w.engine.nacks_out);
    page.family("nacks", kind, "Packets asked for again.", "direction", &rows);
    let rows = ways(|w| w.engine.rtx_in, |w| w.engine.rtx_out);
    page.family("rtx_packets", kind, "Repairs.", "direction", &rows);
    page.counter("copies", "Packets sent again unasked, on lossy paths.", sum(|w| w.engine.copies_out));
    page.counter("red_packets", "Sound sent with older sound in it, on lossy paths.", sum(|w| w.engine.red_out));
    page.counter(
        "repairs_spared",
        "Copies and answers not sent, as their packets had arrived.",
        sum(|w| w.engine.repairs_spared),
    );
    page.counter("packets_recovered", "Packets that were missing and then came.", sum(|w| w.engine.recovered_in));
    page.counter("packets_lost", "Packets that never came in time.", sum(|w| w.engine.lost_in));
    page.counter("keyframes_asked", "Keyframes wanted by subscribers.", sum(|w| w.engine.keyframes_asked));
    page.counter("keyframes_merged", "Of these, answered by one on its way.", sum(|w| w.engine.keyframes_merged));
    page.counter("keyframes_requested", "Keyframes asked of publishers.", sum(|w| w.engine.keyframes_requested));
    page.counter("keyframes_received", "Keyframes from publishers.", sum(|w| w.engine.keyframes_in));
    let rows = ways(|w| w.engine.frames_in, |w| w.engine.frames_out);
    page.family("frames", kind, "Whole frames from and for other wires.", "direction", &rows);
    page.gauge("transports", "Media connections.", sum(|w| w.engine.transports));
    page.gauge(
        "transports_congested",
        "Of these, with a queue or a limit felt on the downlink.",
        sum(|w| w.engine.congested),
    );
    page.gauge("transports_repeating", "Of these, sent packets more than once unasked.", sum(|w| w.engine.repeating));
    page.gauge("participants", "Participants of media rooms.", sum(|w| w.engine.participants));
    page.gauge("publications", "Tracks published.", sum(|w| w.engine.publications));
    page.gauge("subscriptions", "Tracks received.", sum(|w| w.engine.subscriptions));
    let drops = DropReason::ALL.map(|r| (r.as_str(), workers.iter().map(|w| w.engine.drop_count(r)).sum::<u64>()));
    page.family("drops", kind, "What came in and was not used.", "reason", &drops);
    let unsent = [("full", sum(|w| w.udp.dropped_full)), ("error", sum(|w| w.udp.dropped_error))];
    page.family("datagrams_unsent", kind, "Datagrams the kernel did not take.", "reason", &unsent);
    page.counter(
        "tap_frames_dropped",
        "Frames for other wires that found their taker behind.",
        sum(|w| w.udp.frames_dropped),
    );
    page.counter(
        "media_events_dropped",
        "Loudness and quality reports that the control thread had no place for.",
        sum(|w| w.udp.events_dropped),
    );
}

fn render_streams(page: &mut Page, s: &carillon_rtmp::Stats) {
    let kind = Kind::Counter;
    page.gauge("rtmp_connections", "Connections by RTMP and HTTP-FLV.", s.connections);
    page.gauge("rtmp_publishers", "Streams published by RTMP.", s.publishers);
    page.gauge("rtmp_players", "Players by RTMP and HTTP-FLV.", s.players);
    page.gauge("rtmp_streams", "Streams that somebody publishes or waits for.", s.streams);
    page.gauge("rtmp_cache_bytes", "Bytes kept for players that come.", s.cache_bytes);
    let connections = [("opened", s.connections_opened), ("refused", s.connections_refused)];
    page.family("rtmp_connections", kind, "Connections that came.", "result", &connections);
    let begun = [("publish", s.published), ("play", s.played)];
    page.family("rtmp_admitted", kind, "Publishers and players admitted.", "role", &begun);
    page.counter("rtmp_pushes_refused", "Connections to other servers that were refused.", s.pushes_refused);
    page.counter("rtmp_taken_over", "Publishers that replaced a connection of their own.", s.taken_over);
    let refused = Refusal::ALL.map(|(refusal, name)| (name, s.refused.get(&refusal).copied().unwrap_or_default()));
    page.family("rtmp_refused", kind, "Publishers and players refused.", "reason", &refused);
    page.family("rtmp_bytes", kind, "Bytes of streams.", "direction", &[("in", s.bytes_in), ("out", s.bytes_out)]);
    page.counter("rtmp_messages", "Messages of publishers that were passed on.", s.messages);
    page.counter("rtmp_messages_dropped", "Messages left out for slow players.", s.messages_dropped);
    page.counter("rtmp_clock_jumps", "Jumps of publishers' clocks that were mended.", s.clock_jumps);
    let faults = [
        ("handshake", s.faults_handshake),
        ("chunks", s.faults_chunks),
        ("message", s.faults_message),
        ("order", s.faults_order),
        ("flood", s.faults_flood),
        ("undecided", s.given_up_undecided),
        ("silent", s.given_up_silent),
        ("stalled", s.given_up_stalled),
        ("unanswered", s.given_up_unanswered),
    ];
    page.family("rtmp_given_up", kind, "Connections ended by the server.", "reason", &faults);
}

fn render_bridge(page: &mut Page, s: &bridge::Stats) {
    let streams = [("to_room", s.publishing), ("to_players", s.playing)];
    page.family("bridge_streams", Kind::Gauge, "Streams carried between RTMP and rooms.", "direction", &streams);
    let running = [("aac_to_opus", s.aac_to_opus), ("opus_to_aac", s.opus_to_aac)];
    page.family("bridge_transcodes", Kind::Gauge, "Tracks whose sound is transcoded now.", "direction", &running);
    let frames = [("aac_to_opus", s.aac_frames), ("opus_to_aac", s.opus_frames)];
    page.family("bridge_sound_frames", Kind::Counter, "Frames of sound taken in.", "direction", &frames);
    let ages = [("to_room", s.ages_to_room), ("to_players", s.ages_to_players)];
    let pictures = ages.map(|(direction, ages)| (direction, ages.pictures));
    page.family("bridge_pictures", Kind::Counter, "Pictures carried.", "direction", &pictures);
    let seconds = ages.map(|(direction, ages)| (direction, ages.sum.as_secs_f64()));
    let help = "How long pictures took through this server and were behind the fastest, in all.";
    page.family("bridge_picture_age_seconds", Kind::Counter, help, "direction", &seconds);
    let dropped = [("bridge_behind", s.dropped), ("worker_behind", s.refused)];
    page.family("bridge_dropped", Kind::Counter, "Frames and messages that found no place.", "reason", &dropped);
    page.counter("bridge_failed", "Streams given up because a codec failed on them.", s.failed);
    page.counter("bridge_broken", "Messages of publishers that could not be read.", s.broken);
    let unfit = [("audio", s.unfit_audio), ("video", s.unfit_video)];
    page.family("bridge_unfit", Kind::Counter, "Flows published as browsers cannot get them.", "flow", &unfit);
    let told = [
        ("b_frames_left_out", s.b_frames_left_out),
        ("keyframes_only", s.keyframes_only),
        ("keyframes_apart", s.keyframes_apart),
    ];
    page.family("bridge_warnings", Kind::Counter, "What publishers were told of their pictures.", "reason", &told);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.one(name, Kind::Gauge, help, "", value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.one(&format!("{name}_total"), Kind::Counter, help, "", value);
    }

    fn one(&mut self, name: &str, kind: Kind, help: &str, labels: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, labels, value);
    }

    fn family(&mut self, name: &str, kind: Kind, help: &str, label: &str, rows: &[(&str, impl Display)]) {
        let name = if kind == Kind::Counter { format!("{name}_total") } else { name.to_owned() };
        self.head(&name, kind, help);
        for (row, value) in rows {
            self.line(&name, &format!("{label}=\"{row}\""), value);
        }
    }

    fn head(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        // Writing to a String does not fail.
        let _ = write!(self.0, "# HELP carillon_{name} {help}\n# TYPE carillon_{name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.0, "carillon_{name} {value}"),
            labels => writeln!(self.0, "carillon_{name}{{{labels}}} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_has_a_kind_and_stands_once() {
        let mut stats = Stats::default();
        stats.calls.calls_ended.insert(CallResult::Reject, 3);
        let reports = [Report::default(), Report::default()];
        let page = render(&stats, &reports, &carillon_rtmp::Stats::default(), &bridge::Stats::default());
        assert!(page.contains("carillon_calls_ended_total{result=\"reject\"} 3\n"), "{page}");
        assert!(
            page.contains("carillon_media_workers 2\n") && page.contains("carillon_drops_total{reason=\"srtp\"} 0")
        );
        let mut seen = BTreeSet::new();
        let mut typed = "";
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                typed = rest.split(' ').next().expect("a name");
                assert_eq!(rest.ends_with(" counter"), typed.ends_with("_total"), "{rest}");
            } else if !line.starts_with('#') {
                let series = line.rsplit_once(' ').expect("a value").0;
                assert_eq!(series.split('{').next(), Some(typed), "{line}");
                assert!(seen.insert(series.to_owned()), "{series} twice");
            }
        }
    }
}
