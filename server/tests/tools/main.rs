//! Real tools publish to the real server and play from it: whatever comes out is what went in, byte for byte, on one
//! clock.
//!
//! A few of each kind by default, and all of them with `RTMP_TOOLS=all` (`make rtmp-tools`), which prints a table.

mod judge;
mod nginx;
mod players;
mod publishers;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod tool;

use publishers::{Publisher, ffmpeg, gstreamer};
use run::{Cell, run};

/// Whether all is to be tried, and not a few of each kind.
fn all() -> bool {
    std::env::var("RTMP_TOOLS").is_ok_and(|which| which == "all")
}

/// Those that are `few`, or all.
fn chosen(cells: Vec<(bool, Cell)>) -> Vec<Cell> {
    cells.into_iter().filter(|(few, _)| *few || all()).map(|(_, cell)| cell).collect()
}

const PICTURES: [(&str, &str); 4] = [
    ("default", "-preset veryfast"),
    ("no B-frames", "-preset veryfast -bf 0"),
    ("zerolatency", "-preset veryfast -tune zerolatency"),
    ("zerolatency, B-frames", "-preset veryfast -tune zerolatency -bf 2"),
];
const SOUNDS: [(&str, &str); 6] = [
    ("48 kHz stereo", "-ar 48000 -ac 2"),
    ("16 kHz mono", "-ar 16000 -ac 1"),
    ("44.1 kHz stereo", "-ar 44100 -ac 2"),
    ("48 kHz mono", "-ar 48000 -ac 1"),
    ("16 kHz stereo", "-ar 16000 -ac 2"),
    ("44.1 kHz mono", "-ar 44100 -ac 1"),
];

#[test]
fn pictures_and_sound_of_ffmpeg_arrive_whole() {
    let mut cells = Vec::new();
    for (p, (picture, x264)) in PICTURES.iter().enumerate() {
        for (s, (sound, aac)) in SOUNDS.iter().enumerate() {
            let publisher = ffmpeg(&format!("{x264} {aac}"));
            cells.push((p == s && p < 3, Cell::new(&format!("ffmpeg: {picture}, {sound}"), publisher)));
        }
    }
    run(chosen(cells));
}

#[test]
fn oddities_of_ffmpeg_arrive_whole() {
    let odd = |few, name: &str, options: &str| (few, Cell::new(&format!("ffmpeg: {name}"), ffmpeg(options)));
    let cells = vec![
        odd(true, "20,000 s ahead", "-output_ts_offset 20000"),
        odd(false, "8 s before 32 bits of milliseconds end", "-output_ts_offset 4294960"),
        odd(false, "sound alone", "-vn"),
        odd(false, "pictures alone", "-an"),
        odd(false, "60 pictures a second", "-r 60"),
        odd(false, "keyframes 10 s apart", "-g 300"),
        odd(false, "four slices, delimiters", "-x264-params slices=4:aud=1"),
        odd(false, "constant rate, filler", "-b:v 1M -x264-params nal-hrd=cbr:vbv-maxrate=1000:vbv-bufsize=500"),
        odd(false, "parameter sets in band", "-bsf:v dump_extra=freq=keyframe"),
        odd(false, "22.05 kHz", "-ar 22050 -ac 1"),
        (true, Cell::new("ffmpeg: -stream_loop", Publisher::FfmpegLoop)),
    ];
    run(chosen(cells));
}

#[test]
fn gstreamer_s_streams_arrive_whole() {
    let cells = ["rtmp2sink", "rtmpsink"].map(|sink| (true, Cell::new(sink, gstreamer(sink))));
    run(chosen(cells.into()));
}

#[test]
fn relays_and_all_sizes_of_chunks_pass_everything_on() {
    let mut cells = Vec::new();
    for bytes in [128, 1_000, 4_096, 60_000, 65_536] {
        let name = format!("nginx-rtmp push, chunks of {bytes}");
        cells.push((bytes == 128, Cell::new(&name, Publisher::NginxPush { chunk_bytes: bytes })));
    }
    for bytes in ["128", "60000", "65536"] {
        let cell = Cell::new(&format!("our chunks of {bytes}"), ffmpeg("-b:v 2M"));
        cells.push((bytes == "65536", cell.with("RTMP_CHUNK_BYTES", bytes)));
    }
    run(chosen(cells));
}
