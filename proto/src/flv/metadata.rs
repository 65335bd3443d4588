//! `onMetaData`: what a stream says of itself. Never to be trusted where the media can be asked.

use super::{FourCc, TagCodec};
use crate::amf0::Value;
use crate::rtmp::Data;

/// What is kept of it. All of it may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    pub width: Option<f64>,
    pub height: Option<f64>,
    pub frame_rate: Option<f64>,
    /// kbit/s.
    pub video_kbps: Option<f64>,
    pub video_codec: Option<TagCodec>,
    pub audio_sample_rate: Option<f64>,
    pub audio_channels: Option<f64>,
    /// kbit/s.
    pub audio_kbps: Option<f64>,
    pub audio_codec: Option<TagCodec>,
    /// The program that encodes.
    pub encoder: Option<String>,
}

const NAME: &str = "onMetaData";

impl Metadata {
    /// None if the message is another. What is no finite number counts as missing.
    pub fn of(data: &Data) -> Option<Self> {
        let object = data.values.first().filter(|_| data.name == NAME)?;
        let number = |name: &str| object.get(name).and_then(Value::as_number).filter(|number| number.is_finite());
        let stereo = object.get("stereo").and_then(Value::as_bool).map(|stereo| if stereo { 2.0 } else { 1.0 });
        Some(Self {
            width: number("width"),
            height: number("height"),
            frame_rate: number("framerate"),
            video_kbps: number("videodatarate"),
            video_codec: object.get("videocodecid").and_then(|id| codec(id, VIDEO_IDS)),
            audio_sample_rate: number("audiosamplerate"),
            audio_channels: number("audiochannels").or(stereo),
            audio_kbps: number("audiodatarate"),
            audio_codec: object.get("audiocodecid").and_then(|id| codec(id, AUDIO_IDS)),
            encoder: object.get("encoder").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// The message that says this, an ECMA array as players of old expect it.
    pub fn to_data(&self) -> Data {
        let number = |value: Option<f64>| value.map(Value::Number);
        let entries = [
            ("duration", Some(0.0.into())),
            ("width", number(self.width)),
            ("height", number(self.height)),
            ("framerate", number(self.frame_rate)),
            ("videodatarate", number(self.video_kbps)),
            ("videocodecid", self.video_codec.map(|codec| id(codec, VIDEO_IDS))),
            ("audiosamplerate", number(self.audio_sample_rate)),
            ("audiosamplesize", self.audio_codec.map(|_| 16.0.into())),
            ("stereo", self.audio_channels.map(|channels| (channels > 1.0).into())),
            ("audiochannels", number(self.audio_channels)),
            ("audiodatarate", number(self.audio_kbps)),
            ("audiocodecid", self.audio_codec.map(|codec| id(codec, AUDIO_IDS))),
            ("encoder", self.encoder.as_deref().map(Value::from)),
        ];
        let entries = entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Data { name: NAME.to_owned(), values: vec![Value::EcmaArray(entries.collect())] }
    }
}

/// Ids that plain tags have for codecs with a name.
const VIDEO_IDS: &[(u8, FourCc)] = &[(7, FourCc::AVC)];
const AUDIO_IDS: &[(u8, FourCc)] = &[(10, FourCc::AAC), (2, FourCc::MP3)];

/// An id of plain tags, or the four characters as a number (Enhanced RTMP), or as text (OBS of old).
fn codec(value: &Value, ids: &[(u8, FourCc)]) -> Option<TagCodec> {
    if let Some(text) = value.as_str() {
        return FourCc::from_text(text).map(TagCodec::FourCc);
    }
    let number = value.as_number().filter(|number| (0.0..=f64::from(u32::MAX)).contains(number))? as u32;
    let Ok(id) = u8::try_from(number) else { return Some(TagCodec::FourCc(FourCc(number.to_be_bytes()))) };
    let named = ids.iter().find(|(own, _)| *own == id).map(|(_, codec)| TagCodec::FourCc(*codec));
    Some(named.unwrap_or(TagCodec::Plain(id)))
}

fn id(codec: TagCodec, ids: &[(u8, FourCc)]) -> Value {
    match codec {
        TagCodec::Plain(id) => f64::from(id).into(),
        TagCodec::FourCc(codec) => {
            let plain = ids.iter().find(|(_, own)| *own == codec).map(|(id, _)| f64::from(*id));
            plain.unwrap_or_else(|| f64::from(u32::from_be_bytes(codec.0))).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &[(&str, Value)]) -> Option<Metadata> {
        let values = vec![Value::object(entries.iter().cloned())];
        Metadata::of(&Data { name: NAME.to_owned(), values })
    }

    #[test]
    fn what_is_said_is_read() {
        let said = Metadata {
            width: Some(1280.0),
            height: Some(720.0),
            frame_rate: Some(30.0),
            video_kbps: Some(1400.0),
            video_codec: Some(TagCodec::FourCc(FourCc::AV1)),
            audio_sample_rate: Some(48_000.0),
            audio_channels: Some(1.0),
            audio_kbps: None,
            audio_codec: Some(TagCodec::FourCc(FourCc::AAC)),
            encoder: Some("Lavf59".to_owned()),
        };
        assert_eq!(Metadata::of(&said.to_data()), Some(said));
        assert_eq!(Metadata::of(&Metadata::default().to_data()), Some(Metadata::default()));
    }

    #[test]
    fn codecs_are_named_by_id_number_or_text() {
        let video = |id: Value| object(&[("videocodecid", id)]).and_then(|m| m.video_codec);
        assert_eq!(video(7.0.into()), Some(TagCodec::FourCc(FourCc::AVC)));
        assert_eq!(video(2.0.into()), Some(TagCodec::Plain(2)));
        assert_eq!(video(f64::from(u32::from_be_bytes(*b"av01")).into()), Some(TagCodec::FourCc(FourCc::AV1)));
        assert_eq!(video("avc1".into()), Some(TagCodec::FourCc(FourCc::AVC)));
        assert_eq!(video((-1.0).into()), None);
        assert_eq!(video(f64::NAN.into()), None);
    }

    #[test]
    fn what_is_missing_or_no_number_is_none() {
        let read = object(&[("width", f64::INFINITY.into()), ("height", "720".into()), ("stereo", true.into())]);
        assert_eq!(read, Some(Metadata { audio_channels: Some(2.0), ..Metadata::default() }));
        assert_eq!(Metadata::of(&Data { name: "onCuePoint".to_owned(), values: vec![Value::Null] }), None);
        assert_eq!(Metadata::of(&Data { name: NAME.to_owned(), values: vec![] }), None);
    }
}
