//! From text to frames and requests, with an error that a client's developer can act on.

use super::{ClientFrame, ErrorBody, Request, Resume, SignIn, code};
use serde_json::{Map, Value};

/// Arrays and objects within each other that a frame may have. Real frames need 6; a message's payload is the client's.
pub const DEPTH_MAX: usize = 32;

impl ClientFrame {
    /// One text message of a socket. Errors: `TOO_LARGE`, `BAD_FRAME`.
    pub fn parse(text: &str, bytes_max: usize) -> Result<Self, ErrorBody> {
        if text.len() > bytes_max {
            let message = format!("the frame has {} bytes, {bytes_max} are allowed", text.len());
            return Err(ErrorBody::new(code::TOO_LARGE, message));
        }
        if depth(text) > DEPTH_MAX {
            let message = format!("arrays and objects lie more than {DEPTH_MAX} deep");
            return Err(ErrorBody::new(code::BAD_FRAME, message));
        }
        serde_json::from_str(text).map_err(|e| explain(text, &e))
    }
}

impl Request {
    /// A request's verb and body. Errors: `UNKNOWN_VERB`, `BAD_REQUEST`. A missing body is an empty one.
    pub fn parse(verb: &str, body: Value) -> Result<Self, ErrorBody> {
        if !super::VERBS.contains(&verb) {
            let shown: String = verb.chars().take(64).collect();
            return Err(ErrorBody::new(code::UNKNOWN_VERB, format!("there is no verb {shown:?}")));
        }
        let body = if body.is_null() { Value::Object(Map::new()) } else { body };
        let envelope = Map::from_iter([("verb".to_owned(), Value::from(verb)), ("body".to_owned(), body)]);
        serde_json::from_value(Value::Object(envelope))
            .map_err(|e| ErrorBody::new(code::BAD_REQUEST, format!("{verb}: {e}")))
    }
}

/// How deep brackets nest, without parsing: the parser itself recurses. Strings are skipped.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The derived error of a `hello` only says that no form fits; this says what is wrong with the form that was meant.
fn explain(text: &str, error: &serde_json::Error) -> ErrorBody {
    let meant = serde_json::from_str::<Map<String, Value>>(text).ok().and_then(|mut frame| {
        if frame.get("t")?.as_str()? != "hello" {
            return None;
        }
        match frame.remove("resume") {
            Some(resume) => serde_json::from_value::<Resume>(resume).err(),
            None => serde_json::from_value::<SignIn>(Value::Object(frame)).err(),
        }
    });
    let reason = meant.map_or_else(|| error.to_string(), |e| format!("hello: {e}"));
    ErrorBody::new(code::BAD_FRAME, format!("no frame of this protocol: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(text: &str) -> i32 {
        ClientFrame::parse(text, 1000).expect_err(text).code
    }

    #[test]
    fn frames_of_wrong_form_size_or_depth_have_their_code() {
        for bad in ["", "7", "[]", "{}", r#"{"t":"jump"}"#, r#"{"t":"request","id":"1","verb":"x"}"#, r#"{"t":"ack"}"#]
        {
            assert_eq!(code_of(bad), code::BAD_FRAME, "{bad}");
        }
        for bad in [r#"{"t":"ack","seq":-1}"#, r#"{"t":"ack","seq":1,"seq":2}"#, r#"{"t":"ack","seq":1} x"#] {
            assert_eq!(code_of(bad), code::BAD_FRAME, "{bad}");
        }
        assert_eq!(code_of(&" ".repeat(1001)), code::TOO_LARGE);
        assert_eq!(code_of(&"[".repeat(500)), code::BAD_FRAME);
        let deep = format!(r#"{{"t":"request","id":1,"verb":"x","body":{}{}}}"#, "[".repeat(40), "]".repeat(40));
        assert_eq!(code_of(&deep), code::BAD_FRAME);
    }

    #[test]
    fn a_bad_hello_is_told_which_field_is_wrong() {
        let text = r#"{"t":"hello","version":1,"app":"1400000000","user":"a","userSig":"s"}"#;
        let error = ClientFrame::parse(text, 1000).expect_err("the app is a string");
        assert!(error.message.contains("u32"), "{}", error.message);
        let text = r#"{"t":"hello","version":1,"resume":{"session":"s"}}"#;
        let error = ClientFrame::parse(text, 1000).expect_err("no ack");
        assert!(error.message.contains("`ack`"), "{}", error.message);
    }

    #[test]
    fn brackets_in_strings_are_no_depth() {
        assert_eq!(depth(r#"{"a":"[[[\"[[["}"#), 1);
        assert_eq!(depth(r#"[{"a":[]},[]]"#), 3);
    }

    #[test]
    fn unknown_verbs_and_bad_bodies_have_their_code() {
        let code_of = |verb: &str, body: Value| Request::parse(verb, body).expect_err(verb).code;
        assert_eq!(code_of("room.explode", Value::Null), code::UNKNOWN_VERB);
        assert_eq!(code_of("", Value::Null), code::UNKNOWN_VERB);
        assert_eq!(code_of("room.enter", Value::Null), code::BAD_REQUEST);
        assert_eq!(code_of("room.enter", serde_json::json!({"room": 0})), code::BAD_REQUEST);
        assert_eq!(code_of("room.enter", serde_json::json!([1])), code::BAD_REQUEST);
        assert_eq!(Request::parse("group.list", Value::Null), Ok(Request::ListGroups {}));
    }
}
