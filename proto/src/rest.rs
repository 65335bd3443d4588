//! The vendor's REST verbs: `service/command` and a JSON body, as what is asked. The answers are JSON made by the shell.

use crate::gateway::{ErrorBody, code};
use crate::id::{CallId, GroupId, RoomId, UserId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Accounts in one `multiaccount_import`, `account_check` or `portrait_get`.
pub const ACCOUNTS_MAX: usize = 100;
/// Accounts in one `query_online_status`.
pub const STATUS_ACCOUNTS_MAX: usize = 500;
/// Members in one `create_group` or `add_group_member`.
pub const MEMBERS_MAX: usize = 300;
/// Users in one `RemoveUser`.
pub const REMOVED_MAX: usize = 10;
/// Records in one page.
pub const RECORDS_MAX: u32 = 100;
/// Names of callbacks in one `set_callback`, and the bytes of its address.
pub const CALLBACKS_MAX: usize = 32;
pub const URL_BYTES_MAX: usize = 1_024;

/// What an administrator asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Import {
        accounts: Vec<Account>,
        many: bool,
    },
    Check(Vec<UserId>),
    Kick(UserId),
    Online {
        users: Vec<String>,
        detail: bool,
    },
    Send(Send),
    SetPortrait {
        user: UserId,
        items: Vec<ProfileItem>,
    },
    GetPortrait {
        users: Vec<UserId>,
        tags: Vec<String>,
    },
    CreateGroup(NewGroup),
    AddMembers {
        group: GroupId,
        users: Vec<UserId>,
    },
    CallInfo(CallId),
    Record(CallId),
    Records(Filter),
    SetCallback {
        url: String,
        commands: Vec<String>,
    },
    GetCallback,
    DeleteCallback,
    RemoveUsers {
        room: RoomId,
        users: Vec<UserId>,
    },
    DismissRoom(RoomId),
    /// A user's stream is to be sent on to another server as well, `screen`: the user's screen.
    StartPush {
        room: RoomId,
        user: UserId,
        screen: bool,
        url: String,
    },
    StopPush {
        task: String,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Account {
    #[serde(rename = "UserID", alias = "Identifier")]
    pub user: UserId,
    pub nick: Option<String>,
    pub face_url: Option<String>,
}

/// One message to one user.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Send {
    /// Missing: the administrator.
    #[serde(rename = "From_Account", default)]
    pub from: Option<UserId>,
    #[serde(rename = "To_Account")]
    pub to: UserId,
    #[serde(rename = "MsgRandom")]
    pub random: u32,
    #[serde(rename = "MsgBody")]
    pub body: Vec<Element>,
    #[serde(rename = "CloudCustomData", default)]
    pub cloud_custom_data: String,
    /// Seconds that it is kept; 0: it goes only to devices that are online.
    #[serde(rename = "MsgLifeTime", default)]
    pub life: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "MsgType", content = "MsgContent")]
pub enum Element {
    #[serde(rename = "TIMTextElem")]
    Text {
        #[serde(rename = "Text")]
        text: String,
    },
    #[serde(rename = "TIMCustomElem")]
    Custom {
        #[serde(rename = "Data", default)]
        data: String,
        #[serde(rename = "Desc", default)]
        description: String,
        #[serde(rename = "Ext", default)]
        extension: String,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProfileItem {
    pub tag: String,
    pub value: Value,
}

pub const TAG_NICK: &str = "Tag_Profile_IM_Nick";
pub const TAG_IMAGE: &str = "Tag_Profile_IM_Image";

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewGroup {
    #[serde(rename = "Owner_Account", default)]
    pub owner: Option<UserId>,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(default)]
    pub group_id: Option<GroupId>,
    pub name: String,
    #[serde(default)]
    pub face_url: String,
    #[serde(default)]
    pub introduction: Option<String>,
    #[serde(default)]
    pub notification: Option<String>,
    #[serde(default)]
    pub member_list: Vec<MemberAccount>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MemberAccount {
    #[serde(rename = "Member_Account")]
    pub user: UserId,
}

/// Which records, and which page of them. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    #[serde(default)]
    pub start_time: u64,
    #[serde(default)]
    pub end_time: Option<u64>,
    #[serde(default)]
    pub call_result: Option<crate::gateway::CallResult>,
    #[serde(default)]
    pub call_type: Option<CallType>,
    #[serde(default = "ten")]
    pub number_per_page: u32,
    #[serde(default = "one")]
    pub page: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum CallType {
    SingleCall,
    MultiCall,
}

fn ten() -> u32 {
    10
}

fn one() -> u32 {
    1
}

/// `command`: `service/command` of the address. `Err`: 60003 for a body that is no JSON or not of this verb, 60004 for a
/// verb that is not there, 10014 for a list that is too long.
pub fn parse(command: &str, body: &[u8]) -> Result<Ask, ErrorBody> {
    Ok(match command {
        "im_open_login_svc/account_import" => Ask::Import { accounts: vec![read(body)?], many: false },
        "im_open_login_svc/multiaccount_import" => Ask::Import { accounts: accounts(read(body)?)?, many: true },
        "im_open_login_svc/account_check" => {
            let check: Check = read(body)?;
            Ask::Check(few(check.check_item, ACCOUNTS_MAX)?.into_iter().map(|a| a.user).collect())
        }
        "im_open_login_svc/kick" => Ask::Kick(read::<Account>(body)?.user),
        "openim/query_online_status" | "openim/querystate" => {
            let online: Online = read(body)?;
            Ask::Online { users: few(online.to, STATUS_ACCOUNTS_MAX)?, detail: online.detail == 1 }
        }
        "openim/sendmsg" => Ask::Send(read(body)?),
        "profile/portrait_set" => {
            let set: SetPortrait = read(body)?;
            Ask::SetPortrait { user: set.user, items: few(set.items, ACCOUNTS_MAX)? }
        }
        "profile/portrait_get" => {
            let get: GetPortrait = read(body)?;
            Ask::GetPortrait { users: few(get.users, ACCOUNTS_MAX)?, tags: few(get.tags, ACCOUNTS_MAX)? }
        }
        "group_open_http_svc/create_group" => {
            let group: NewGroup = read(body)?;
            few(group.member_list.clone(), MEMBERS_MAX)?;
            Ask::CreateGroup(group)
        }
        "group_open_http_svc/add_group_member" => {
            let add: AddMembers = read(body)?;
            let users = few(add.member_list, MEMBERS_MAX)?.into_iter().map(|m| m.user).collect();
            Ask::AddMembers { group: add.group_id, users }
        }
        "call_engine_http_srv/get_call_info" => Ask::CallInfo(read::<OneCall>(body)?.call_id),
        "call_record_http_srv/get_record_by_callid" => Ask::Record(read::<OneCall>(body)?.call_id),
        "call_record_http_srv/get_record_by_filter" => Ask::Records(filter(read(body)?)?),
        "call_config/set_callback" => set_callback(read(body)?)?,
        "call_config/get_callback" => Ask::GetCallback,
        "call_config/delete_callback" => Ask::DeleteCallback,
        "trtc/RemoveUser" | "trtc/RemoveUserByStrRoomId" => {
            let remove: RoomBody = read(body)?;
            Ask::RemoveUsers { room: remove.room_id, users: few(remove.user_ids, REMOVED_MAX)? }
        }
        "trtc/DismissRoom" | "trtc/DismissRoomByStrRoomId" => Ask::DismissRoom(read::<RoomBody>(body)?.room_id),
        "trtc/StartPublishCdnStream" => start_push(read(body)?)?,
        "trtc/StopPublishCdnStream" => Ask::StopPush { task: read::<TaskBody>(body)?.task_id },
        other => return Err(ErrorBody::new(code::UNKNOWN_VERB, format!("there is no command {other:.100}"))),
    })
}

/// One user's stream as it is: mixing and transcoding are not offered.
fn start_push(body: PushBody) -> Result<Ask, ErrorBody> {
    let PushBody { room_id: room, with_transcoding, single_subscribe_params: single, publish_cdn_params: to } = body;
    let [PushTo { publish_cdn_url: url }] =
        <[PushTo; 1]>::try_from(to).map_err(|_| ErrorBody::new(code::BAD_FRAME, "PublishCdnParams has one entry"))?;
    if with_transcoding != 0 {
        return Err(ErrorBody::new(code::BAD_FRAME, "WithTranscoding is 0: streams are sent on as they are"));
    }
    let PushStream { user_info, stream_type } = single.user_media_stream;
    Ok(Ask::StartPush { room, user: user_info.user_id, screen: stream_type == 1, url })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ErrorBody> {
    serde_json::from_slice(body).map_err(|error| ErrorBody::new(code::BAD_FRAME, error.to_string()))
}

fn few<T>(list: Vec<T>, max: usize) -> Result<Vec<T>, ErrorBody> {
    if list.len() <= max {
        Ok(list)
    } else {
        Err(ErrorBody::new(code::LIMIT_REACHED, format!("{max} entries at most")))
    }
}

/// The vendor has two forms: names alone, or names with profiles.
fn accounts(many: Many) -> Result<Vec<Account>, ErrorBody> {
    let plain = many.accounts.into_iter().map(|user| Account { user, nick: None, face_url: None });
    few(many.account_list.into_iter().chain(plain).collect(), ACCOUNTS_MAX)
}

fn filter(filter: Filter) -> Result<Filter, ErrorBody> {
    let good = (1..=RECORDS_MAX).contains(&filter.number_per_page) && filter.page >= 1;
    let bad = || ErrorBody::new(code::BAD_REQUEST, format!("NumberPerPage: 1 to {RECORDS_MAX}; Page: 1 or more"));
    good.then_some(filter).ok_or_else(bad)
}

fn set_callback(set: SetCallback) -> Result<Ask, ErrorBody> {
    let is_web = set.url.starts_with("http://") || set.url.starts_with("https://");
    if !is_web || set.url.len() > URL_BYTES_MAX || !set.url.bytes().all(|b| b.is_ascii_graphic()) {
        let message = format!("Url: http:// or https://, {URL_BYTES_MAX} bytes at most, without blanks");
        return Err(ErrorBody::new(code::BAD_REQUEST, message));
    }
    let commands = few(set.commands, CALLBACKS_MAX)?;
    if commands.iter().any(|command| command.len() > 64) {
        return Err(ErrorBody::new(code::BAD_REQUEST, "a callback's name has 64 bytes at most"));
    }
    Ok(Ask::SetCallback { url: set.url, commands })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Many {
    #[serde(default)]
    account_list: Vec<Account>,
    #[serde(default)]
    accounts: Vec<UserId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    check_item: Vec<Account>,
}

#[derive(Deserialize)]
struct Online {
    #[serde(rename = "To_Account")]
    to: Vec<String>,
    #[serde(rename = "IsNeedDetail", default)]
    detail: u8,
}

#[derive(Deserialize)]
struct SetPortrait {
    #[serde(rename = "From_Account")]
    user: UserId,
    #[serde(rename = "ProfileItem")]
    items: Vec<ProfileItem>,
}

#[derive(Deserialize)]
struct GetPortrait {
    #[serde(rename = "To_Account")]
    users: Vec<UserId>,
    #[serde(rename = "TagList", default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddMembers {
    group_id: GroupId,
    member_list: Vec<MemberAccount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneCall {
    call_id: CallId,
}

#[derive(Deserialize)]
struct SetCallback {
    #[serde(rename = "Url")]
    url: String,
    #[serde(rename = "CallbackCommandList", default)]
    commands: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PushBody {
    room_id: RoomId,
    #[serde(default)]
    with_transcoding: u32,
    single_subscribe_params: PushSingle,
    publish_cdn_params: Vec<PushTo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PushSingle {
    user_media_stream: PushStream,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PushStream {
    user_info: PushUser,
    /// 0: camera and microphone, 1: the screen.
    #[serde(default)]
    stream_type: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PushUser {
    user_id: UserId,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PushTo {
    publish_cdn_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskBody {
    task_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoomBody {
    room_id: RoomId,
    #[serde(default)]
    user_ids: Vec<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(command: &str, body: &str) -> i32 {
        parse(command, body.as_bytes()).expect_err("refused").code
    }

    #[test]
    fn verbs_read_the_vendors_bodies() {
        let send = r#"{"SyncOtherMachine":2,"To_Account":"ben","MsgRandom":7,
            "MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}]}"#;
        let Ok(Ask::Send(send)) = parse("openim/sendmsg", send.as_bytes()) else { panic!("a message") };
        assert_eq!((send.random, send.body), (7, vec![Element::Text { text: "hi".into() }]));
        let Ok(Ask::Records(all)) = parse("call_record_http_srv/get_record_by_filter", b"{}") else {
            panic!("a filter")
        };
        assert_eq!((all.number_per_page, all.page, all.call_type), (10, 1, None));
        let many = br#"{"Accounts":["amy"],"AccountList":[{"UserID":"ben","Nick":"Ben"}]}"#;
        let Ok(Ask::Import { accounts, many: true }) = parse("im_open_login_svc/multiaccount_import", many) else {
            panic!("accounts")
        };
        assert_eq!(accounts.len(), 2);
    }

    #[test]
    fn what_is_wrong_has_its_code() {
        assert_eq!(code_of("openim/nothing", "{}"), code::UNKNOWN_VERB);
        assert_eq!(code_of("openim/sendmsg", "{"), code::BAD_FRAME);
        assert_eq!(code_of("im_open_login_svc/kick", r#"{"UserID":"not a name"}"#), code::BAD_FRAME);
        assert_eq!(code_of("call_config/set_callback", r#"{"Url":"file:///etc"}"#), code::BAD_REQUEST);
        assert_eq!(code_of("call_record_http_srv/get_record_by_filter", r#"{"Page":0}"#), code::BAD_REQUEST);
        let users = vec!["u"; STATUS_ACCOUNTS_MAX + 1];
        let many = serde_json::json!({ "To_Account": users }).to_string();
        assert_eq!(code_of("openim/query_online_status", &many), code::LIMIT_REACHED);
    }
}
