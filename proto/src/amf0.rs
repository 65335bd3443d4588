//! AMF0: the values of RTMP commands and of FLV script tags (Adobe, "Action Message Format -- AMF 0").
//!
//! Peers send these before they are known to anybody, so nesting and element counts are bounded, a count on the wire
//! never sizes an allocation, and the one shape with loops (references) is refused.

use crate::wire::{Malformed, Parsed, u8_at, u16_at, u32_at, u64_at};

/// Objects and arrays inside one another. Encoders nest three deep; reading recurses, so this also bounds the stack.
pub const DEPTH_MAX: usize = 16;

/// Values of one message, those inside objects and arrays counted too. `onMetaData` of known encoders has below 40.
pub const ELEMENTS_MAX: usize = 1024;

/// Bytes of one string. Commands and script data are bounded to as much as a whole.
pub const STRING_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a property's name.
pub const NAME_BYTES_MAX: usize = 1024;

/// One value. Properties keep their order; a name that is given twice stands twice, `get` finds the first.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// May be NaN or infinite.
    Number(f64),
    Boolean(bool),
    /// Short, long and XML strings; what is not UTF-8 has become U+FFFD.
    String(String),
    /// Also objects with a class name, which is dropped.
    Object(Vec<(String, Self)>),
    EcmaArray(Vec<(String, Self)>),
    StrictArray(Vec<Self>),
    /// Milliseconds since 1970, UTC. The time zone is reserved and dropped.
    Date(f64),
    Null,
    /// Also the marker "unsupported".
    Undefined,
}

impl Value {
    /// An object of these properties.
    pub fn object<'a>(properties: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Object(properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The properties of an object or an ECMA array; encoders use either for the same thing. None of any other value.
    pub fn properties(&self) -> &[(String, Self)] {
        if let Self::Object(properties) | Self::EcmaArray(properties) = self { properties } else { &[] }
    }

    /// The first property of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.properties().iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Appends the value. Strings past 65,535 bytes become long strings; a name is cut at that length.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.push(NUMBER);
                out.extend(number.to_be_bytes());
            }
            Self::Boolean(value) => out.extend([BOOLEAN, u8::from(*value)]),
            Self::String(text) => write_string(text, out),
            Self::Object(properties) => {
                out.push(OBJECT);
                write_properties(properties, out);
            }
            Self::EcmaArray(properties) => {
                out.push(ECMA_ARRAY);
                out.extend(count(properties.len()).to_be_bytes());
                write_properties(properties, out);
            }
            Self::StrictArray(values) => {
                out.push(STRICT_ARRAY);
                out.extend(count(values.len()).to_be_bytes());
                values.iter().for_each(|value| value.write(out));
            }
            Self::Date(at) => {
                out.push(DATE);
                out.extend(at.to_be_bytes());
                out.extend([0, 0]);
            }
            Self::Null => out.push(NULL),
            Self::Undefined => out.push(UNDEFINED),
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

/// All values up to the end of a message.
///
/// Errors: what the bounds above name is `TooMany`, a reference, a movie clip or a switch to AMF3 is `Value`.
pub fn read_all(bytes: &[u8]) -> Parsed<Vec<Value>> {
    let mut reader = Reader { rest: bytes, elements_left: ELEMENTS_MAX };
    let mut values = Vec::new();
    while !reader.rest.is_empty() {
        values.push(reader.value(DEPTH_MAX)?);
    }
    Ok(values)
}

/// Appends values one after another.
pub fn write_all<'a>(values: impl IntoIterator<Item = &'a Value>, out: &mut Vec<u8>) {
    values.into_iter().for_each(|value| value.write(out));
}

const NUMBER: u8 = 0x00;
const BOOLEAN: u8 = 0x01;
const STRING: u8 = 0x02;
const OBJECT: u8 = 0x03;
const NULL: u8 = 0x05;
const UNDEFINED: u8 = 0x06;
const ECMA_ARRAY: u8 = 0x08;
const OBJECT_END: u8 = 0x09;
const STRICT_ARRAY: u8 = 0x0a;
const DATE: u8 = 0x0b;
const LONG_STRING: u8 = 0x0c;
const UNSUPPORTED: u8 = 0x0d;
const XML: u8 = 0x0f;
const TYPED_OBJECT: u8 = 0x10;

/// What is left of the bytes and of the elements allowed.
struct Reader<'a> {
    rest: &'a [u8],
    elements_left: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth_left: usize) -> Parsed<Value> {
        self.elements_left = self.elements_left.checked_sub(1).ok_or(Malformed::TooMany)?;
        let inner = depth_left.checked_sub(1);
        Ok(match self.take(1).and_then(|marker| u8_at(marker, 0))? {
            NUMBER => Value::Number(self.number()?),
            BOOLEAN => Value::Boolean(u8_at(self.take(1)?, 0)? != 0),
            STRING => Value::String(self.short_string(STRING_BYTES_MAX)?),
            LONG_STRING | XML => Value::String(self.long_string()?),
            OBJECT => Value::Object(self.properties(inner.ok_or(Malformed::TooMany)?)?),
            TYPED_OBJECT => {
                self.short_string(NAME_BYTES_MAX)?;
                Value::Object(self.properties(inner.ok_or(Malformed::TooMany)?)?)
            }
            ECMA_ARRAY => {
                // The count is a hint that encoders get wrong; the end marker decides.
                self.take(4)?;
                Value::EcmaArray(self.properties(inner.ok_or(Malformed::TooMany)?)?)
            }
            STRICT_ARRAY => self.strict_array(inner.ok_or(Malformed::TooMany)?)?,
            DATE => {
                let at = self.number()?;
                self.take(2)?;
                Value::Date(at)
            }
            NULL => Value::Null,
            UNDEFINED | UNSUPPORTED => Value::Undefined,
            _ => return Err(Malformed::Value),
        })
    }

    /// Up to the end marker, or to the end of the message, where some encoders forget it.
    fn properties(&mut self, depth_left: usize) -> Parsed<Vec<(String, Value)>> {
        let mut properties = Vec::new();
        while !self.rest.is_empty() {
            let name = self.short_string(NAME_BYTES_MAX)?;
            if name.is_empty() && self.rest.first() == Some(&OBJECT_END) {
                self.take(1)?;
                return Ok(properties);
            }
            properties.push((name, self.value(depth_left)?));
        }
        Ok(properties)
    }

    fn strict_array(&mut self, depth_left: usize) -> Parsed<Value> {
        let count = u32_at(self.take(4)?, 0)?;
        if count as usize > self.elements_left {
            return Err(Malformed::TooMany);
        }
        (0..count).map(|_| self.value(depth_left)).collect::<Parsed<_>>().map(Value::StrictArray)
    }

    fn number(&mut self) -> Parsed<f64> {
        u64_at(self.take(8)?, 0).map(f64::from_bits)
    }

    fn short_string(&mut self, bytes_max: usize) -> Parsed<String> {
        let bytes = usize::from(u16_at(self.take(2)?, 0)?);
        self.text(bytes, bytes_max)
    }

    fn long_string(&mut self) -> Parsed<String> {
        let bytes = u32_at(self.take(4)?, 0)? as usize;
        self.text(bytes, STRING_BYTES_MAX)
    }

    fn text(&mut self, bytes: usize, bytes_max: usize) -> Parsed<String> {
        if bytes > bytes_max {
            return Err(Malformed::TooMany);
        }
        Ok(String::from_utf8_lossy(self.take(bytes)?).into_owned())
    }

    fn take(&mut self, bytes: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    match u16::try_from(text.len()) {
        Ok(bytes) => {
            out.push(STRING);
            out.extend(bytes.to_be_bytes());
        }
        Err(_) => {
            out.push(LONG_STRING);
            out.extend(count(text.len()).to_be_bytes());
        }
    }
    out.extend(text.as_bytes());
}

fn write_properties(properties: &[(String, Value)], out: &mut Vec<u8>) {
    for (name, value) in properties {
        let name = &name[..name.floor_char_boundary(usize::from(u16::MAX))];
        out.extend((name.len() as u16).to_be_bytes());
        out.extend(name.as_bytes());
        value.write(out);
    }
    out.extend([0, 0, OBJECT_END]);
}

/// Counts past 32 bits do not occur: what is written is smaller than the address space of a message.
fn count(elements: usize) -> u32 {
    u32::try_from(elements).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
