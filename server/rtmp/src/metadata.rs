//! `onMetaData`, rebuilt: what a player can use of it, with values in their form. What a file says of itself (duration,
//! size, key positions) is not true of a stream, and an encoder's own texts are nobody's business.

use bytes::Bytes;
use carillon_proto::amf0::Value;
use carillon_proto::rtmp::Data;

/// Names that are passed on where their value is a finite number that is not negative.
const NUMBERS: [&str; 10] = [
    "width",
    "height",
    "framerate",
    "videodatarate",
    "videocodecid",
    "audiodatarate",
    "audiosamplerate",
    "audiosamplesize",
    "audiochannels",
    "audiocodecid",
];

/// The body of the data message, the same bytes for the same facts. `None`: `@clearDataFrame`, or nothing of use.
pub(crate) fn rebuild(data: &Data) -> Option<Bytes> {
    let given = data.values.iter().find(|value| !value.properties().is_empty())?;
    let mut facts: Vec<(String, Value)> = Vec::new();
    for name in NUMBERS {
        if let Some(value) = given.get(name).filter(|value| is_of_use(value)) {
            facts.push((name.to_owned(), value.clone()));
        }
    }
    if let Some(Value::Boolean(stereo)) = given.get("stereo") {
        facts.push(("stereo".to_owned(), (*stereo).into()));
    }
    if facts.is_empty() {
        return None;
    }
    facts.push(("encoder".to_owned(), "Carillon".into()));
    Some(Data { name: "onMetaData".to_owned(), values: vec![Value::EcmaArray(facts)] }.to_bytes().into())
}

/// The same with another size. `None`: it says nothing of one, or says this one.
pub(crate) fn resized(metadata: &[u8], (width, height): (u32, u32)) -> Option<Bytes> {
    let mut data = Data::read(metadata).ok()?;
    let Some(Value::EcmaArray(facts)) = data.values.first_mut() else { return None };
    let mut changed = false;
    for (name, value) in facts.iter_mut() {
        let said = match name.as_str() {
            "width" => Value::Number(width.into()),
            "height" => Value::Number(height.into()),
            _ => continue,
        };
        changed |= *value != said;
        *value = said;
    }
    changed.then(|| data.to_bytes().into())
}

/// Codecs come as numbers, or as the text of their FourCC.
fn is_of_use(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_finite() && *number >= 0.0,
        Value::String(text) => text.len() == 4 && text.bytes().all(|b| b.is_ascii_graphic()),
        Value::Boolean(_)
        | Value::Object(_)
        | Value::EcmaArray(_)
        | Value::StrictArray(_)
        | Value::Date(_)
        | Value::Null
        | Value::Undefined => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_size_takes_the_place_of_the_one_that_was_said() {
        let given = Value::object([("width", 1280.0.into()), ("height", 720.0.into()), ("audiochannels", 2.0.into())]);
        let rebuilt = rebuild(&Data { name: "onMetaData".to_owned(), values: vec![given] }).expect("facts");
        assert_eq!(resized(&rebuilt, (1280, 720)), None);
        let resized = Data::read(&resized(&rebuilt, (720, 1280)).expect("another size")).expect("readable");
        let number = |name| resized.values[0].get(name).cloned();
        assert_eq!((number("width"), number("height")), (Some(720.0.into()), Some(1280.0.into())));
        assert_eq!(number("audiochannels"), Some(2.0.into()));
    }

    #[test]
    fn facts_are_kept_and_the_rest_is_not() {
        let given = Value::object([
            ("encoder", "Lavf58".into()),
            ("duration", 12.0.into()),
            ("height", 720.0.into()),
            ("width", 1280.0.into()),
            ("framerate", f64::NAN.into()),
            ("videocodecid", "avc1".into()),
            ("stereo", true.into()),
        ]);
        let data = |given| Data { name: "onMetaData".to_owned(), values: vec![given] };
        let rebuilt = rebuild(&data(given)).expect("there are facts");
        let rebuilt = Data::read(&rebuilt).expect("readable");
        let names: Vec<_> = rebuilt.values[0].properties().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["width", "height", "videocodecid", "stereo", "encoder"]);
        assert_eq!(rebuild(&data(Value::object([("duration", 12.0.into())]))), None);
        assert_eq!(rebuild(&Data { name: "@clearDataFrame".to_owned(), values: vec!["onMetaData".into()] }), None);
    }
}
