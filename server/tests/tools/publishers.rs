//! Who publishes. Each writes what it sends to a file of its own as well, which is what players are compared to.

use crate::nginx::Nginx;
use crate::tool::Tool;
use std::path::Path;
use std::process::Command;

/// Seconds that each publishes.
pub(crate) const SECONDS: u32 = 5;
/// Pictures from one keyframe to the next, unless a publication says otherwise.
pub(crate) const GOP: u32 = 30;

pub(crate) enum Publisher {
    /// With these options of the output.
    Ffmpeg(String),
    /// A file of two seconds again and again, not encoded anew.
    FfmpegLoop,
    /// This sink.
    GStreamer(String),
    /// ffmpeg publishes to nginx-rtmp, which pushes to us.
    NginxPush { chunk_bytes: u32 },
}

pub(crate) fn ffmpeg(options: &str) -> Publisher {
    Publisher::Ffmpeg(options.to_owned())
}

pub(crate) fn gstreamer(sink: &str) -> Publisher {
    Publisher::GStreamer(sink.to_owned())
}

/// What publishes, and what it needs besides.
pub(crate) struct Publication {
    pub(crate) tool: Tool,
    _relay: Option<Nginx>,
}

impl Publisher {
    /// What it sends before the relay has reached us is lost.
    pub(crate) fn is_relayed(&self) -> bool {
        matches!(self, Self::NginxPush { .. })
    }

    /// Starts it. `sent` becomes what it sends.
    pub(crate) fn start(&self, address: &str, sent: &Path, folder: &Path) -> Publication {
        let (command, relay) = match self {
            Self::Ffmpeg(options) => (encoding(options, address, sent), None),
            Self::FfmpegLoop => (looping(address, sent, folder), None),
            Self::GStreamer(sink) => (pipeline(sink, address, sent), None),
            Self::NginxPush { chunk_bytes } => {
                let relay = Nginx::pushing(folder, address, *chunk_bytes);
                (encoding("", &relay.address("in"), sent), Some(relay))
            }
        };
        Publication { tool: Tool::start("publisher", command, folder), _relay: relay }
    }
}

/// A moving picture and noise, no two frames of which are alike, encoded in real time.
fn encoding(options: &str, address: &str, sent: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args("-v error -re -f lavfi -i testsrc2=s=320x180:r=30 -re -f lavfi -i anoisesrc=r=48000:a=0.2".split(' '));
    command.args(["-t", &SECONDS.to_string(), "-map", "0:v?", "-map", "1:a?", "-pix_fmt", "yuv420p"]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", &GOP.to_string()]);
    command.args("-c:a aac -b:a 64k -flags +global_header".split(' ')).args(options.split_whitespace());
    command.args(["-f", "tee", &both(address, sent)]);
    command
}

fn looping(address: &str, sent: &Path, folder: &Path) -> Command {
    let clip = folder.join("clip.flv");
    let mut make = Command::new("ffmpeg");
    make.args("-v error -f lavfi -i testsrc2=s=320x180:r=30 -f lavfi -i anoisesrc=r=48000:a=0.2 -t 2".split(' '));
    make.args("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 30 -c:a aac -f flv".split(' ')).arg(&clip);
    crate::tool::output(make).expect("a clip");
    let mut command = Command::new("ffmpeg");
    command.args("-v error -re -stream_loop 2 -i".split(' ')).arg(clip);
    command.args(["-map", "0", "-c", "copy", "-f", "tee", &both(address, sent)]);
    command
}

fn both(address: &str, sent: &Path) -> String {
    format!("[f=flv]{address}|[f=flv:flvflags=no_duration_filesize]{}", sent.display())
}

fn pipeline(sink: &str, address: &str, sent: &Path) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    let (pictures, pieces) = (SECONDS * 30, SECONDS * 48_000 / 1_024);
    let picture = format!(
        "videotestsrc is-live=true pattern=ball num-buffers={pictures} ! video/x-raw,width=320,height=180,framerate=30/1 \
         ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={GOP} ! h264parse ! queue ! mux."
    );
    let sound = format!(
        "audiotestsrc is-live=true wave=white-noise volume=0.2 samplesperbuffer=1024 num-buffers={pieces} \
         ! audio/x-raw,rate=48000,channels=2 ! voaacenc ! aacparse ! queue ! mux."
    );
    command.arg("-q").args(picture.split_whitespace()).args(sound.split_whitespace());
    command.args("flvmux name=mux streamable=true ! tee name=both both. ! queue !".split(' '));
    command.args([sink, &format!("location={address}")]);
    command.args(["both.", "!", "queue", "!", "filesink", &format!("location={}", sent.display())]);
    command
}
