//! The command `connect` (RTMP 1.0 section 7.2.1.1) and what Enhanced RTMP adds to it.

use crate::amf0::Value;
use crate::flv::FourCc;
use crate::rtmp::Command;
use std::collections::BTreeMap;

/// Codecs that one side may name. The specification knows a dozen.
const CODECS_MAX: usize = 32;

/// Bit of `Enhanced::caps`: obeys `Status::ConnectReconnectRequest`.
pub const CAPS_RECONNECT: u32 = 1;

/// What a client says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    pub transaction: f64,
    /// First part of the address's path; may carry a query.
    pub app: String,
    /// The address as the client dialled it; may carry a query, may lack its port.
    pub tc_url: Option<String>,
    /// The program: `FMLE/3.0 (compatible; Lavf59…)`.
    pub flash_version: Option<String>,
    /// 3 where the client would rather speak AMF3. The answer says 0 all the same.
    pub object_encoding: f64,
    pub enhanced: Enhanced,
}

impl Connect {
    /// None if the command is another, or lacks its object or the application's name.
    pub fn of(command: &Command) -> Option<Self> {
        if command.name != "connect" {
            return None;
        }
        let text = |name: &str| command.object.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            transaction: command.transaction,
            app: text("app")?,
            tc_url: text("tcUrl"),
            flash_version: text("flashVer"),
            object_encoding: command.object.get("objectEncoding").and_then(Value::as_number).unwrap_or(0.0),
            enhanced: Enhanced::read(&command.object),
        })
    }

    /// The command of a client of ours. It wants AMF0 and names its codecs.
    pub fn to_command(&self) -> Command {
        let mut properties =
            vec![("app".to_owned(), self.app.as_str().into()), ("type".to_owned(), "nonprivate".into())];
        for (name, value) in [("flashVer", &self.flash_version), ("tcUrl", &self.tc_url)] {
            properties.extend(value.as_deref().map(|value| (name.to_owned(), value.into())));
        }
        properties.push(("objectEncoding".to_owned(), self.object_encoding.into()));
        properties.extend(self.enhanced.properties());
        let object = Value::Object(properties);
        Command { name: "connect".to_owned(), transaction: self.transaction, object, arguments: Vec::new() }
    }
}

/// Codecs beyond those of plain FLV that one side takes, and its further abilities. Default: none at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enhanced {
    /// By codec; `FourCc(*b"*\0\0\0")` never stands here.
    codecs: BTreeMap<FourCc, Ability>,
    /// Of all codecs that are not named, sound and picture apart.
    any_video: Ability,
    any_audio: Ability,
    /// `capsEx`, a set of bits.
    pub caps: u32,
}

/// What one side can do with a codec, a set of bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ability(u8);

impl Ability {
    pub const DECODE: Self = Self(1);
    pub const ENCODE: Self = Self(2);
    pub const FORWARD: Self = Self(4);

    /// Anything to send this codec for.
    fn receives(self) -> bool {
        self.0 & (Self::DECODE.0 | Self::FORWARD.0) != 0
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Enhanced {
    /// One side that takes these codecs to hand them on.
    pub fn forwarding(codecs: impl IntoIterator<Item = FourCc>, caps: u32) -> Self {
        let codecs = codecs.into_iter().map(|codec| (codec, Ability::FORWARD)).collect();
        Self { codecs, caps, ..Self::default() }
    }

    /// True if tags of this video codec may be sent to the side that said so.
    pub fn receives_video(&self, codec: FourCc) -> bool {
        self.codecs.get(&codec).copied().unwrap_or(self.any_video).receives()
    }

    /// True if tags of this audio codec may be sent to the side that said so.
    pub fn receives_audio(&self, codec: FourCc) -> bool {
        self.codecs.get(&codec).copied().unwrap_or(self.any_audio).receives()
    }

    /// Reads `fourCcList` (v1), the two maps and `capsEx` (v2). What is no codec's name is passed over.
    pub fn read(object: &Value) -> Self {
        let mut enhanced = Self::default();
        if let Some(Value::StrictArray(names)) = object.get("fourCcList") {
            for name in names.iter().take(CODECS_MAX).filter_map(Value::as_str) {
                enhanced.add(name, Ability::DECODE, true, true);
            }
        }
        for (map, is_video) in [("videoFourCcInfoMap", true), ("audioFourCcInfoMap", false)] {
            let entries = object.get(map).map(Value::properties).unwrap_or_default();
            for (name, ability) in entries.iter().take(CODECS_MAX) {
                let ability = Ability(ability.as_number().unwrap_or(0.0) as u8 & 7);
                enhanced.add(name, ability, is_video, !is_video);
            }
        }
        enhanced.caps = object.get("capsEx").and_then(Value::as_number).unwrap_or(0.0) as u32;
        enhanced
    }

    /// The properties that say this, for `connect` and for the information in its answer. Empty if there is nothing
    /// to say.
    pub fn properties(&self) -> Vec<(String, Value)> {
        if *self == Self::default() {
            return Vec::new();
        }
        let map = |is_video: bool, any: Ability| {
            let named = self.codecs.iter().filter(|(codec, _)| is_video_codec(**codec) == is_video);
            let named = named.map(|(codec, ability)| (codec.as_str().to_owned(), f64::from(ability.0).into()));
            let any = Some(("*".to_owned(), f64::from(any.0).into())).filter(|_| any != Ability::default());
            Value::Object(named.chain(any).collect())
        };
        let any = Some("*").filter(|_| self.any_video.receives() && self.any_audio.receives());
        let received = self.codecs.iter().filter(|(_, ability)| ability.receives());
        let names = received.map(|(codec, _)| codec.as_str().into()).chain(any.map(Value::from)).collect();
        vec![
            ("fourCcList".to_owned(), Value::StrictArray(names)),
            ("videoFourCcInfoMap".to_owned(), map(true, self.any_video)),
            ("audioFourCcInfoMap".to_owned(), map(false, self.any_audio)),
            ("capsEx".to_owned(), f64::from(self.caps).into()),
        ]
    }

    fn add(&mut self, name: &str, ability: Ability, video: bool, audio: bool) {
        if name == "*" {
            self.any_video = if video { self.any_video.and(ability) } else { self.any_video };
            self.any_audio = if audio { self.any_audio.and(ability) } else { self.any_audio };
        } else if let Some(codec) = FourCc::from_text(name) {
            let entry = self.codecs.entry(codec).or_default();
            *entry = entry.and(ability);
        }
    }
}

fn is_video_codec(codec: FourCc) -> bool {
    [FourCc::AVC, FourCc::HEVC, FourCc::VVC, FourCc::AV1, FourCc::VP8, FourCc::VP9].contains(&codec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enhanced(properties: &[(&str, Value)]) -> Enhanced {
        Enhanced::read(&Value::object(properties.iter().cloned()))
    }

    fn names(names: &[&str]) -> Value {
        Value::StrictArray(names.iter().map(|name| (*name).into()).collect())
    }

    #[test]
    fn a_plain_client_receives_no_enhanced_codec() {
        let plain = enhanced(&[("app", "live".into())]);
        assert_eq!(plain, Enhanced::default());
        assert!(!plain.receives_video(FourCc::AV1) && !plain.receives_audio(FourCc::OPUS));
        assert_eq!(plain.properties(), []);
    }

    #[test]
    fn the_list_of_version_1_names_what_is_decoded() {
        let some = enhanced(&[("fourCcList", names(&["av01", "hvc1", "too long"]))]);
        assert!(some.receives_video(FourCc::AV1) && some.receives_video(FourCc::HEVC));
        assert!(!some.receives_video(FourCc::VP9));
        let all = enhanced(&[("fourCcList", names(&["*"]))]);
        assert!(all.receives_video(FourCc::VP9) && all.receives_audio(FourCc::OPUS));
    }

    #[test]
    fn the_maps_of_version_2_tell_decoders_from_encoders() {
        let maps = enhanced(&[
            ("videoFourCcInfoMap", Value::object([("*", 4.0.into()), ("vp09", 2.0.into()), ("av01", 1.0.into())])),
            ("audioFourCcInfoMap", Value::object([("Opus", 3.0.into()), ("fLaC", f64::NAN.into())])),
            ("capsEx", 5.0.into()),
        ]);
        assert!(maps.receives_video(FourCc::AV1) && maps.receives_video(FourCc::VP8));
        assert!(!maps.receives_video(FourCc::VP9), "it only encodes that");
        assert!(maps.receives_audio(FourCc::OPUS));
        assert!(!maps.receives_audio(FourCc::FLAC) && !maps.receives_audio(FourCc::AC3));
        assert!(maps.caps & CAPS_RECONNECT != 0);
    }

    #[test]
    fn what_one_side_says_the_other_reads() {
        let said = Enhanced::forwarding([FourCc::AV1, FourCc::OPUS], CAPS_RECONNECT);
        let read = Enhanced::read(&Value::Object(said.properties()));
        assert!(read.receives_video(FourCc::AV1) && read.receives_audio(FourCc::OPUS));
        assert!(!read.receives_video(FourCc::VP8) && !read.receives_audio(FourCc::FLAC));
        assert_eq!(read.caps, CAPS_RECONNECT);
        let object = read.properties();
        assert_eq!(object[0].1, names(&["Opus", "av01"]));
    }

    #[test]
    fn a_connect_comes_back() {
        let connect = Connect {
            transaction: 1.0,
            app: "live?token=x".to_owned(),
            tc_url: Some("rtmp://127.0.0.1/live".to_owned()),
            flash_version: None,
            object_encoding: 0.0,
            enhanced: Enhanced::default(),
        };
        assert_eq!(Connect::of(&connect.to_command()), Some(connect));
        assert_eq!(Connect::of(&Command::call("connect", 1.0, vec![])), None);
        assert_eq!(Connect::of(&Command::call("play", 1.0, vec![])), None);
    }

    #[test]
    fn the_codecs_named_have_a_bound() {
        let many: Vec<String> = (0..1000).map(|n| format!("{n:04}")).collect();
        let flood = names(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(enhanced(&[("fourCcList", flood)]).codecs.len(), CODECS_MAX);
    }
}
