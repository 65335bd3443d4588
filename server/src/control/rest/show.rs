//! Calls, records and profiles in the vendor's JSON. REST answers and callbacks share it.

use crate::store::is_multi;
use carillon_proto::gateway::{CallRecord, CallState, MediaType, Platform, Profile};
use carillon_proto::id::RoomId;
use carillon_proto::rest::{TAG_IMAGE, TAG_NICK};
use serde_json::{Value, json};

/// `CallInfo` and `UserList`.
pub(in crate::control) fn call(state: &CallState) -> Value {
    let (room, kind) = room(&state.room);
    let media = media(state.media);
    let group = state.group.as_ref().map_or("", |group| group.as_str());
    let user = |status| move |user| json!({ "User_Account": user, "Status": status });
    let users = state.connected.iter().map(user("Calling")).chain(state.waiting.iter().map(user("Waiting")));
    json!({
        "CallInfo": {
            "CallId": state.call, "MediaType": media, "ChatGroupId": group, "RoomId": room, "RoomIdType": kind,
        },
        "UserList": users.collect::<Vec<_>>(),
    })
}

/// Times are seconds; `AcceptTime` is 0 where nobody accepted.
pub(in crate::control) fn record(record: &CallRecord) -> Value {
    let (room, kind) = room(&record.room);
    json!({
        "CallId": record.call,
        "Caller_Account": record.caller,
        "MediaType": media(record.media),
        "CallType": if is_multi(record) { "MultiCall" } else { "SingleCall" },
        "StartTime": record.started_ms / 1000,
        "EndTime": record.ended_ms / 1000,
        "AcceptTime": record.accepted_ms.unwrap_or_default() / 1000,
        "CallResult": record.result,
        "CalleeList_Account": record.callees,
        "RoomId": room,
        "RoomIdType": kind,
    })
}

/// No tags: all.
pub(super) fn portrait(profile: &Profile, tags: &[String]) -> Value {
    let items = [(TAG_NICK, &profile.nick), (TAG_IMAGE, &profile.avatar)];
    let wanted = items.iter().filter(|(tag, _)| tags.is_empty() || tags.iter().any(|name| name == tag));
    let items: Vec<Value> = wanted.map(|(tag, value)| json!({ "Tag": tag, "Value": value })).collect();
    json!({ "To_Account": profile.user, "ProfileItem": items, "ResultCode": 0, "ResultInfo": "" })
}

/// The vendor's words.
pub(super) fn platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Web => "Web",
        Platform::MiniProgram => "MiniProgram",
        Platform::Android => "Android",
        Platform::Ios => "iPhone",
        Platform::Windows => "Windows",
        Platform::Mac => "Mac",
        Platform::Linux => "Linux",
        Platform::Server => "RESTAPI",
    }
}

fn media(media: MediaType) -> &'static str {
    match media {
        MediaType::Audio => "Audio",
        MediaType::Video => "Video",
    }
}

/// The room always as text, and what it is: 1 a number, 2 a text.
fn room(room: &RoomId) -> (String, u8) {
    match room {
        RoomId::Number(number) => (number.to_string(), 1),
        RoomId::Text(text) => (text.clone(), 2),
    }
}
