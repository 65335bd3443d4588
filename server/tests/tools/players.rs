//! Who plays, and writes what comes to a file.

use crate::tool::Tool;
use std::path::Path;
use std::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Player {
    Ffmpeg,
    Rtmpdump,
    RtmpSrc,
    Rtmp2Src,
    FfmpegFlv,
    CurlFlv,
    /// By way of nginx-rtmp, which ffmpeg plays from.
    NginxPull,
}

pub(crate) struct Missed {
    /// Up to a keyframe.
    pub(crate) at_start: bool,
    /// Packets.
    pub(crate) at_end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Itself,
    Killed,
    /// nginx-rtmp waits for the next publisher.
    Relay,
}

impl Player {
    pub(crate) const ALL: [Self; 7] =
        [Self::Ffmpeg, Self::Rtmpdump, Self::RtmpSrc, Self::Rtmp2Src, Self::NginxPull, Self::FfmpegFlv, Self::CurlFlv];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Rtmpdump => "rtmpdump",
            Self::RtmpSrc => "rtmpsrc",
            Self::Rtmp2Src => "rtmp2src",
            Self::FfmpegFlv => "ffmpeg-flv",
            Self::CurlFlv => "curl-flv",
            Self::NginxPull => "nginx-pull",
        }
    }

    /// Over HTTP: it finds nobody before there is a publisher, and starts from the last keyframe.
    pub(crate) fn is_flv(self) -> bool {
        matches!(self, Self::FfmpegFlv | Self::CurlFlv)
    }

    /// Packets that it may not have been told of: before it came, or its own loss.
    pub(crate) fn may_miss(self) -> Missed {
        match self {
            // From the last keyframe on.
            Self::FfmpegFlv | Self::CurlFlv => Missed { at_start: true, at_end: 0 },
            // It forgets a packet that it has not handed on when the stream ends, of nginx-rtmp too.
            Self::Rtmp2Src => Missed { at_start: false, at_end: 1 },
            Self::Ffmpeg | Self::Rtmpdump | Self::RtmpSrc | Self::NginxPull => Missed { at_start: false, at_end: 0 },
        }
    }

    /// What makes it stop when the publisher has said goodbye.
    pub(crate) fn ends_by(self) -> End {
        match self {
            Self::Ffmpeg | Self::Rtmpdump | Self::Rtmp2Src | Self::FfmpegFlv | Self::CurlFlv => End::Itself,
            // It comes again at once, and waits for the next publisher. Interrupted there it may crash.
            Self::RtmpSrc => End::Killed,
            Self::NginxPull => End::Relay,
        }
    }

    pub(crate) fn start(self, address: &str, file: &Path, folder: &Path) -> Tool {
        let (path, location) = (file.as_os_str(), format!("location={}", file.display()));
        let command = match self {
            Self::Ffmpeg | Self::FfmpegFlv | Self::NginxPull => {
                let mut command = Command::new("ffmpeg");
                command.args(["-v", "error", "-i", address, "-map", "0", "-c", "copy"]);
                command.args(["-flush_packets", "1", "-f", "flv"]).arg(path);
                command
            }
            Self::Rtmpdump => {
                let mut command = Command::new("rtmpdump");
                command.args(["-q", "-r", address, "--live", "-o"]).arg(path);
                command
            }
            Self::RtmpSrc | Self::Rtmp2Src => {
                let mut command = Command::new("gst-launch-1.0");
                let live = if self == Self::RtmpSrc { " live=1" } else { "" };
                command.args(["-q", self.name(), &format!("location={address}{live}"), "!", "filesink"]);
                command.args(["buffer-mode=unbuffered", &location]);
                command
            }
            Self::CurlFlv => {
                let mut command = Command::new("curl");
                command.args(["-s", "-S", "--fail", "-o"]).arg(path).arg(address);
                command
            }
        };
        Tool::start(self.name(), command, folder)
    }
}
