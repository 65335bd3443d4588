//! `/v4/…`: each verb done and refused, as the vendor's SDKs for back ends ask it.

mod support;

use serde_json::{Value, json};
use support::call::{Call, ROOM};
use support::client::{Client, signature};
use support::rest::{ADMIN, ask_as, ok, refused};
use support::{APP, Folder, KEY, OTHER_APP, OTHER_KEY, Server};

const NO_ACCOUNT: i64 = 70107;
const NOT_FOUND: i64 = 10010;
const BAD_JSON: i64 = 60003;
const TOO_MANY: i64 = 10014;

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Server::start(&folder, &[]);
    (folder, server)
}

#[test]
fn only_an_administrators_user_sig_is_taken() {
    let (_folder, server) = start();
    let good = signature(APP, KEY, ADMIN);
    let amys = signature(APP, KEY, "amy");
    let foreign = signature(OTHER_APP, OTHER_KEY, ADMIN);
    let cases = [
        (format!("identifier={ADMIN}&usersig={good}"), 60012),
        (format!("sdkappid=x&identifier={ADMIN}&usersig={good}"), 60012),
        (format!("sdkappid=5&identifier={ADMIN}&usersig={good}"), 70020),
        (format!("sdkappid={APP}&usersig={good}"), 70013),
        (format!("sdkappid={APP}&identifier=amy&usersig={good}"), 70013),
        (format!("sdkappid={APP}&identifier={ADMIN}"), 70002),
        (format!("sdkappid={APP}&identifier={ADMIN}&usersig=eJx"), 70003),
        (format!("sdkappid={APP}&identifier={ADMIN}&usersig={foreign}"), 70014),
        (format!("sdkappid={APP}&identifier=amy&usersig={amys}"), 60010),
    ];
    for (query, code) in cases {
        let answer = ask_as(&server, "im_open_login_svc/account_import", &query, r#"{"UserID":"ben"}"#);
        assert_eq!((&answer["ErrorCode"], &answer["ActionStatus"]), (&json!(code), &json!("FAIL")), "{query}");
    }
    let check = json!({"CheckItem": [{"UserID": "ben"}]});
    let answer = ok(&server, "im_open_login_svc/account_check", check);
    assert_eq!(answer["ResultItem"][0]["AccountStatus"], "NotImported", "nothing was done");
    assert!(answer["RequestId"].as_str().is_some_and(|id| id.starts_with("Id-")));
}

#[test]
fn commands_and_bodies_that_are_none_are_told_so() {
    let (_folder, server) = start();
    assert_eq!(refused(&server, "openim/nothing", json!({})), 60004);
    for command in [
        "im_open_login_svc/account_import",
        "im_open_login_svc/account_check",
        "im_open_login_svc/kick",
        "openim/query_online_status",
        "openim/sendmsg",
        "profile/portrait_set",
        "profile/portrait_get",
        "group_open_http_svc/create_group",
        "group_open_http_svc/add_group_member",
        "call_engine_http_srv/get_call_info",
        "call_record_http_srv/get_record_by_callid",
        "call_config/set_callback",
        "trtc/RemoveUser",
        "trtc/DismissRoom",
    ] {
        assert_eq!(refused(&server, command, json!({"Nothing": 1})), BAD_JSON, "{command}");
    }
    let users: Vec<String> = (0..501).map(|n| format!("u{n}")).collect();
    assert_eq!(refused(&server, "openim/query_online_status", json!({"To_Account": users})), TOO_MANY);
    assert_eq!(refused(&server, "trtc/RemoveUser", json!({"RoomId": 5, "UserIds": &users[..11]})), TOO_MANY);
}

#[tokio::test]
async fn accounts_are_imported_checked_and_described() {
    let (_folder, server) = start();
    ok(&server, "im_open_login_svc/account_import", json!({"UserID": "amy", "Nick": "Amy", "FaceUrl": "http://a"}));
    let many = json!({"AccountList": [{"UserID": "ben", "Nick": "x".repeat(1000)}, {"UserID": "cy"}]});
    let answer = ok(&server, "im_open_login_svc/multiaccount_import", many);
    assert_eq!(answer["FailAccounts"], json!(["ben"]));
    let check = json!({"CheckItem": [{"UserID": "cy"}, {"UserID": "ben"}]});
    let answer = ok(&server, "im_open_login_svc/account_check", check);
    let states: Vec<&Value> = (0..2).map(|n| &answer["ResultItem"][n]["AccountStatus"]).collect();
    assert_eq!(states, ["Imported", "NotImported"]);
    let nick = json!([{"Tag": "Tag_Profile_IM_Nick", "Value": "Cyrus"}]);
    ok(&server, "profile/portrait_set", json!({"From_Account": "cy", "ProfileItem": nick}));
    let answer = ok(&server, "profile/portrait_get", json!({"To_Account": ["cy", "amy", "nobody"]}));
    assert_eq!(answer["UserProfileItem"][0]["ProfileItem"][0]["Value"], "Cyrus");
    assert_eq!(answer["UserProfileItem"][1]["ProfileItem"][1]["Value"], "http://a");
    assert_eq!(answer["Fail_Account"], json!(["nobody"]));
    let nobody = json!({"From_Account": "nobody", "ProfileItem": nick});
    assert_eq!(refused(&server, "profile/portrait_set", nobody), NO_ACCOUNT);
    let odd = json!({"From_Account": "cy", "ProfileItem": [{"Tag": "Tag_Profile_IM_Gender", "Value": "?"}]});
    assert_eq!(refused(&server, "profile/portrait_set", odd), 60005);
    assert_eq!(refused(&server, "im_open_login_svc/account_import", json!({"UserID": "no name"})), BAD_JSON);
    // What is imported is seen by clients, and can be called before it ever signed in.
    let mut dee = Client::sign_in(&server, "dee").await;
    assert_eq!(dee.ok("user.find", json!({"user": "cy"})).await["profile"]["nick"], "Cyrus");
    dee.send_text("cy", "hello").await.expect("taken");
}

#[tokio::test]
async fn who_is_online_is_told_and_kicked() {
    let (_folder, server) = start();
    let mut amy = Client::sign_in(&server, "amy").await;
    ok(&server, "im_open_login_svc/account_import", json!({"UserID": "ben"}));
    let who = json!({"To_Account": ["amy", "ben", "nobody"], "IsNeedDetail": 1});
    let answer = ok(&server, "openim/query_online_status", who.clone());
    assert_eq!(
        answer["QueryResult"],
        json!([
            {"To_Account": "amy", "Status": "Online", "Detail": [{"Platform": "Web", "Status": "Online"}]},
            {"To_Account": "ben", "Status": "Offline"},
        ])
    );
    assert_eq!(answer["ErrorList"], json!([{"To_Account": "nobody", "ErrorCode": NO_ACCOUNT}]));
    ok(&server, "im_open_login_svc/kick", json!({"UserID": "amy"}));
    let (bye, _) = amy.socket.ending().await;
    assert_eq!((&bye["t"], &bye["reason"]), (&json!("bye"), &json!("kickedByAdmin")), "{bye}");
    assert_eq!(ok(&server, "openim/query_online_status", who)["QueryResult"][0]["Status"], "Offline");
    assert_eq!(refused(&server, "im_open_login_svc/kick", json!({"UserID": "nobody"})), NO_ACCOUNT);
}

#[tokio::test]
async fn messages_are_sent_once_in_the_name_of_an_account() {
    let (_folder, server) = start();
    let mut amy = Client::sign_in(&server, "amy").await;
    let text = |from: Option<&str>, to: &str, random: u32| {
        let body = json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hello"}}]);
        let mut send = json!({"SyncOtherMachine": 2, "To_Account": to, "MsgRandom": random, "MsgBody": body});
        if let Some(from) = from {
            send["From_Account"] = json!(from);
        }
        send
    };
    let first = ok(&server, "openim/sendmsg", text(None, "amy", 1));
    let again = ok(&server, "openim/sendmsg", text(None, "amy", 1));
    assert_eq!(first["MsgKey"], again["MsgKey"], "a repeated request is one message");
    let got = amy.event("message.new").await;
    assert_eq!((&got["from"], &got["payload"]["text"]), (&json!(ADMIN), &json!("hello")));
    let _ben = Client::sign_in(&server, "ben").await;
    ok(&server, "openim/sendmsg", text(Some("ben"), "amy", 1));
    let custom = json!([{"MsgType": "TIMCustomElem", "MsgContent": {"Data": "{}", "Desc": "d", "Ext": "e"}}]);
    let custom =
        json!({"From_Account": "ben", "To_Account": "amy", "MsgRandom": 2, "MsgBody": custom, "MsgLifeTime": 0});
    ok(&server, "openim/sendmsg", custom);
    assert_eq!(amy.event("message.new").await["from"], "ben");
    let got = amy.event("message.new").await;
    assert_eq!((&got["payload"]["description"], &got["onlineOnly"]), (&json!("d"), &json!(true)), "{got}");
    assert_eq!(refused(&server, "openim/sendmsg", text(None, "nobody", 3)), 20003);
    assert_eq!(refused(&server, "openim/sendmsg", text(Some("nobody"), "amy", 4)), NO_ACCOUNT);
    let mut two = text(None, "amy", 5);
    two["MsgBody"] = json!([two["MsgBody"][0], two["MsgBody"][0]]);
    assert_eq!(refused(&server, "openim/sendmsg", two), 60005);
}

#[tokio::test]
async fn groups_are_made_and_filled() {
    let (_folder, server) = start();
    let mut amy = Client::sign_in(&server, "amy").await;
    let _ben = Client::sign_in(&server, "ben").await;
    let create = json!({
        "Owner_Account": "amy", "Type": "Public", "GroupId": "@team", "Name": "Team", "Introduction": "we",
        "MemberList": [{"Member_Account": "amy"}],
    });
    assert_eq!(ok(&server, "group_open_http_svc/create_group", create.clone())["GroupId"], "@team");
    assert_eq!(refused(&server, "group_open_http_svc/create_group", create), 10021);
    let add = json!({"GroupId": "@team", "MemberList": [
        {"Member_Account": "ben"}, {"Member_Account": "amy"}, {"Member_Account": "nobody"}]});
    let answer = ok(&server, "group_open_http_svc/add_group_member", add);
    let results: Vec<&Value> = (0..3).map(|n| &answer["MemberList"][n]["Result"]).collect();
    assert_eq!(results, [&json!(1), &json!(2), &json!(0)]);
    let group = amy.ok("group.get", json!({"group": "@team"})).await;
    assert_eq!((&group["group"]["memberCount"], &group["group"]["introduction"]), (&json!(2), &json!("we")), "{group}");
    let lost = json!({"GroupId": "@lost", "MemberList": []});
    assert_eq!(refused(&server, "group_open_http_svc/add_group_member", lost), NOT_FOUND);
    let odd = json!({"Type": "Secret", "Name": "x"});
    assert_eq!(refused(&server, "group_open_http_svc/create_group", odd), 60005);
}

#[tokio::test]
async fn running_and_past_calls_are_told() {
    let (_folder, server) = start();
    let mut call = Call::connect(&server).await;
    let id = json!({"CallId": "invite-1"});
    let answer = ok(&server, "call_engine_http_srv/get_call_info", id.clone());
    assert_eq!(answer["Response"]["CallInfo"]["RoomId"], ROOM.to_string());
    assert_eq!(answer["Response"]["CallInfo"]["MediaType"], "Video");
    assert_eq!(answer["Response"]["UserList"][1], json!({"User_Account": "ben", "Status": "Calling"}));
    assert_eq!(refused(&server, "call_record_http_srv/get_record_by_callid", id.clone()), NOT_FOUND);
    call.hang_up().await;
    let answer = ok(&server, "call_record_http_srv/get_record_by_callid", id.clone());
    let record = &answer["Response"]["CallRecord"];
    assert_eq!((&record["CallResult"], &record["CallType"]), (&json!("NormalEnd"), &json!("SingleCall")), "{record}");
    assert_eq!((&record["Caller_Account"], &record["CalleeList_Account"]), (&json!("amy"), &json!(["ben"])));
    assert_eq!(refused(&server, "call_engine_http_srv/get_call_info", id), NOT_FOUND);
    let found = |filter: Value| {
        let answer = ok(&server, "call_record_http_srv/get_record_by_filter", filter);
        (answer["Response"]["TotalNum"].as_u64(), answer["Response"]["CallRecordList"].as_array().map(Vec::len))
    };
    assert_eq!(found(json!({})), (Some(1), Some(1)));
    assert_eq!(found(json!({"CallResult": "NormalEnd", "CallType": "SingleCall"})), (Some(1), Some(1)));
    assert_eq!(found(json!({"CallResult": "Reject"})), (Some(0), Some(0)));
    assert_eq!(found(json!({"CallType": "MultiCall"})), (Some(0), Some(0)));
    assert_eq!(found(json!({"EndTime": 1})), (Some(0), Some(0)));
    assert_eq!(found(json!({"Page": 2})), (Some(1), Some(0)));
    assert_eq!(refused(&server, "call_record_http_srv/get_record_by_filter", json!({"Page": 0})), 60005);
}

#[tokio::test]
async fn rooms_are_emptied_by_user_and_as_a_whole() {
    let (_folder, server) = start();
    let mut call = Call::connect(&server).await;
    ok(&server, "trtc/RemoveUser", json!({"SdkAppId": APP, "RoomId": ROOM, "UserIds": ["ben"]}));
    assert_eq!(call.ben.event("room.removed").await["reason"], "kicked");
    let mut cy = Client::sign_in(&server, "cy").await;
    cy.ok("room.enter", json!({"room": "party"})).await;
    ok(&server, "trtc/DismissRoomByStrRoomId", json!({"SdkAppId": APP, "RoomId": "party"}));
    assert_eq!(cy.event("room.removed").await["reason"], "dissolved");
    assert_eq!(refused(&server, "trtc/DismissRoomByStrRoomId", json!({"RoomId": "party"})), NOT_FOUND);
    assert_eq!(refused(&server, "trtc/RemoveUser", json!({"RoomId": 77, "UserIds": ["ben"]})), NOT_FOUND);
}

#[test]
fn callbacks_are_set_told_and_forgotten_and_outlive_the_process() {
    let (folder, server) = start();
    assert_eq!(refused(&server, "call_config/get_callback", json!({})), NOT_FOUND);
    let set = json!({"Url": "http://127.0.0.1:9/x", "CallbackCommandList": ["Call.CallbackAfterEndCall"]});
    ok(&server, "call_config/set_callback", set.clone());
    server.kill();
    let server = Server::start(&folder, &[]);
    assert_eq!(ok(&server, "call_config/get_callback", json!({}))["Response"], set);
    assert_eq!(refused(&server, "call_config/set_callback", json!({"Url": "ftp://x"})), 60005);
    ok(&server, "call_config/delete_callback", json!({}));
    assert_eq!(refused(&server, "call_config/get_callback", json!({})), NOT_FOUND);
}

#[test]
fn rooms_have_a_rate_of_their_own() {
    let (_folder, server) = start();
    let mut codes = (0..1000).map(|_| refused(&server, "trtc/DismissRoom", json!({"RoomId": 9})));
    assert!(codes.any(|code| code == 60021), "more than 20 in a second are refused");
    ok(&server, "im_open_login_svc/account_import", json!({"UserID": "amy"}));
}
