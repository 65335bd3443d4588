//! What was sent beside what was received.

use crate::tool::output;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Milliseconds by which a relay may round a time.
const ROUNDING_MS: i64 = 1;

#[derive(Debug, Clone, PartialEq)]
struct Packet {
    /// When it is decoded, in milliseconds.
    time: i64,
    /// Of its bytes.
    hash: String,
}

/// How much of one track came.
pub(crate) struct Share {
    pub(crate) sent: usize,
    pub(crate) missed_at_start: usize,
    pub(crate) missed_at_end: usize,
}

/// The tracks of both files: what was received must be what was sent, without a hole, from one moment on and to its end,
/// on a clock that runs as the publisher's; and must decode.
///
/// Errors: the first difference, or what ffprobe or ffmpeg complained of.
pub(crate) fn compare(sent: &Path, received: &Path) -> Result<BTreeMap<String, Share>, String> {
    decode(received)?;
    let (sent, received) = (packets(sent)?, packets(received)?);
    if sent.keys().ne(received.keys()) {
        return Err(format!("tracks {:?} of {:?} came", received.keys(), sent.keys()));
    }
    let mut shares = BTreeMap::new();
    let mut shifts = Vec::new();
    for (kind, all) in &sent {
        let came = &received[kind];
        let (missed, shift) = run_within(all, came).map_err(|difference| format!("{kind}: {difference}"))?;
        shifts.push(shift);
        let missed_at_end = all.len() - missed - came.len();
        shares.insert(kind.clone(), Share { sent: all.len(), missed_at_start: missed, missed_at_end });
    }
    let apart = shifts.iter().max().zip(shifts.iter().min()).map_or(0, |(max, min)| max - min);
    if apart > ROUNDING_MS {
        return Err(format!("sound and picture moved by {apart} ms to each other"));
    }
    Ok(shares)
}

/// How many packets of `sent` stand before `received`, and by how much the clock was set forward.
fn run_within(sent: &[Packet], received: &[Packet]) -> Result<(usize, i64), String> {
    if let Some(back) = received.windows(2).find(|pair| pair[1].time < pair[0].time) {
        return Err(format!("time steps back from {} to {}", back[0].time, back[1].time));
    }
    let first = received.first().ok_or("nothing came")?;
    let missed = sent.iter().position(|packet| packet.hash == first.hash).ok_or("what came first was never sent")?;
    let rest = &sent[missed..];
    if let Some(at) = (0..received.len()).find(|&at| rest.get(at).is_none_or(|sent| sent.hash != received[at].hash)) {
        let (all, came) = (sent.len(), received.len());
        return Err(format!("of {all} packets {came} came; the first {missed} did not, and {at} on one is another"));
    }
    let shift = first.time - rest[0].time;
    let moved = rest.iter().zip(received).find(|(a, b)| (b.time - a.time - shift).abs() > ROUNDING_MS);
    match moved {
        Some((a, b)) => Err(format!("what was sent at {} came at {}, {shift} ms apart at first", a.time, b.time)),
        None => Ok((missed, shift)),
    }
}

/// By kind of track.
fn packets(file: &Path) -> Result<BTreeMap<String, Vec<Packet>>, String> {
    let mut command = Command::new("ffprobe");
    command.args("-v error -show_data_hash CRC32 -show_entries packet=codec_type,dts,data_hash".split(' '));
    command.args(["-of", "csv=p=0"]).arg(file);
    let mut tracks: BTreeMap<String, Vec<Packet>> = BTreeMap::new();
    for line in output(command)?.lines() {
        let mut fields = line.split(',');
        let (Some(kind), Some(time), Some(hash)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(format!("ffprobe printed {line:?}"));
        };
        // So ffprobe calls metadata that does not stand at time 0.
        if kind == "subtitle" {
            continue;
        }
        let time = time.parse().map_err(|_| format!("no time in {line:?}"))?;
        tracks.entry(kind.to_owned()).or_default().push(Packet { time, hash: hash.to_owned() });
    }
    Ok(tracks)
}

/// All of it, without a complaint.
fn decode(file: &Path) -> Result<(), String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-xerror", "-i"]).arg(file);
    // Decoding alone is judged: what a live source stamped unevenly is no fault here.
    command.args("-vf setpts=N/TB -fps_mode passthrough -f null -".split(' '));
    output(command).map(drop)
}
