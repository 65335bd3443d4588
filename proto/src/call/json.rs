//! JSON read with bounds: size and depth are checked before anything is built.

use super::{Error, MAX_DEPTH, MAX_TEXT, MAX_USERS};
use crate::id::UserId;
use serde_json::{Map, Value};

/// The object that `text` holds. `None`: no JSON object.
pub(super) fn object(text: &str) -> Result<Option<Map<String, Value>>, Error> {
    if text.len() > MAX_TEXT || depth(text) > MAX_DEPTH {
        return Err(Error::TooLarge);
    }
    Ok(serde_json::from_str(text).ok())
}

/// Deepest nesting of brackets outside strings; for text that is no JSON some number.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A text field; missing or of another type is "".
pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A list of users. Missing is empty; a name that is none is an error.
pub(super) fn users(object: &Map<String, Value>, key: &'static str) -> Result<Vec<UserId>, Error> {
    let list = match object.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return Err(Error::Malformed(key));
        }
    };
    if list.len() > MAX_USERS {
        return Err(Error::TooLarge);
    }
    list.iter().map(|name| name.as_str().and_then(UserId::new).ok_or(Error::Malformed(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        for (text, want) in [("1", 0), ("{}", 1), (r#"{"a":[{}]}"#, 3), (r#"{"a":"[[[[\"[["}"#, 1), ("]]]", 0)] {
            assert_eq!(depth(text), want, "{text}");
        }
    }

    #[test]
    fn deep_text_is_refused_before_it_is_built() {
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert_eq!(object(&deep), Err(Error::TooLarge));
        assert_eq!(object(&" ".repeat(MAX_TEXT + 1)), Err(Error::TooLarge));
    }
}
