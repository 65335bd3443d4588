//! Holds the scripts to the real engines: each sequence that `web/tests/kit` played with them, played by the scripts, must
//! leave the same messages and tell the same events as the committed expectation says.

use super::device::{Device, Then};
use super::engine::VIDEO;
use super::link::Cx;
use super::world::{Path, World};
use super::{GROUP, Generation};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Until everybody has said what there is to say.
const SETTLED_MS: u64 = 2_000;
const GOOD: Path = Path { delay_ms: 4, doubles: 0 };

struct Stage {
    world: World,
    generation: Generation,
}

type Sequence = (&'static str, fn(&mut Stage));

const PAIRS: [Sequence; 19] = [
    ("happy_caller_ends", |w| {
        let [amy, _] = w.connected(VIDEO);
        w.press(amy, Device::hang_up);
    }),
    ("happy_callee_ends", |w| {
        let [_, ben] = w.connected(1);
        w.press(ben, Device::hang_up);
    }),
    ("reject", |w| {
        let [_, ben] = w.ringing(1);
        w.press(ben, Device::reject);
    }),
    ("busy", |w| {
        let [_, ben] = w.connected(VIDEO);
        let cat = w.device("cat", "cat");
        w.call(cat, &["ben"], "", VIDEO);
        w.press(ben, Device::hang_up);
    }),
    ("cancel", |w| {
        let [amy, _] = w.ringing(VIDEO);
        w.press(amy, Device::hang_up);
    }),
    ("no_answer", |w| {
        w.ringing(VIDEO);
        w.world.run_for(40_000);
    }),
    ("offline_callee", |w| {
        let [amy, ben] = ["amy", "ben"].map(|name| w.device(name, name));
        w.press(ben, Device::sign_out);
        w.call(amy, &["ben"], "", VIDEO);
        w.world.run_for(40_000);
    }),
    ("late_sign_in", |w| {
        let [amy, ben] = ["amy", "ben"].map(|name| w.device(name, name));
        w.press(ben, Device::sign_out);
        w.call(amy, &["ben"], "", 1);
        let late = w.device("ben later", "ben");
        w.press(late, Device::accept);
        w.press(late, Device::hang_up);
    }),
    ("switch_to_audio", |w| {
        let [amy, ben] = w.connected(VIDEO);
        w.press(ben, Device::switch_to_audio);
        w.press(amy, Device::hang_up);
    }),
    ("two_devices_accept", |w| {
        let [amy, ben] = ["amy", "ben"].map(|name| w.device(name, name));
        w.device("ben second", "ben");
        w.call(amy, &["ben"], "", VIDEO);
        w.press(ben, Device::accept);
        w.press(amy, Device::hang_up);
    }),
    ("two_devices_reject", |w| {
        let [amy, _] = ["amy", "ben"].map(|name| w.device(name, name));
        let second = w.device("ben second", "ben");
        w.call(amy, &["ben"], "", VIDEO);
        w.press(second, Device::reject);
    }),
    ("media_drop", |w| {
        let [amy, _] = w.connected(VIDEO);
        w.world.drop_socket(amy);
        w.press(amy, |amy, _| amy.vanish());
        w.world.run_for(60_000);
    }),
    ("signalling_drop", |w| {
        let [amy, ben] = w.connected(VIDEO);
        w.world.drop_socket(amy);
        w.world.drop_socket(ben);
        w.world.run_for(25_000);
        w.press(ben, Device::hang_up);
    }),
    ("signalling_drop_while_ringing", |w| {
        let [amy, ben] = w.ringing(VIDEO);
        w.world.drop_socket(ben);
        w.world.run_for(3_000);
        w.world.drop_socket(amy);
        w.press(ben, Device::accept);
        w.press(amy, Device::hang_up);
    }),
    ("server_restart_while_ringing", |w| {
        let [amy, ben] = w.ringing(VIDEO);
        w.restart();
        w.press(ben, Device::accept);
        w.press(amy, Device::hang_up);
    }),
    ("server_restart_in_a_call", |w| {
        let [amy, _] = w.connected(VIDEO);
        w.restart();
        w.press(amy, Device::hang_up);
    }),
    ("unknown_callee", |w| {
        let amy = w.device("amy", "amy");
        w.call(amy, &["eve"], "", VIDEO);
    }),
    ("kicked_in_a_call", |w| {
        w.connected(VIDEO);
        w.device("amy second", "amy");
        w.world.run_for(60_000);
    }),
    ("kicked_while_ringing", |w| {
        w.ringing(VIDEO);
        w.device("amy second", "amy");
        w.world.run_for(60_000);
    }),
];

const GROUPS: [Sequence; 3] = [
    ("group_of_four", |w| {
        let [_, ben, cat, _, _] = w.group_ringing(&["ben", "cat", "dan"]);
        w.press(ben, Device::accept);
        w.press(cat, Device::reject);
        w.world.run_for(40_000);
        w.press(ben, Device::hang_up);
    }),
    ("group_all_accept", |w| {
        let [amy, ben, cat, dan, _] = w.group_ringing(&["ben", "cat", "dan"]);
        for one in [ben, cat, dan] {
            w.press(one, Device::accept);
        }
        for one in [ben, cat, amy] {
            w.press(one, Device::hang_up);
        }
    }),
    ("group_cancel", |w| {
        let [amy, ..] = w.group_ringing(&["ben", "cat", "dan"]);
        w.press(amy, Device::hang_up);
    }),
];

/// Which the engine 1.1.0 does not have.
const NEWER: [Sequence; 2] = [
    ("group_invite_more", |w| {
        let [amy, ben, _, _, eve] = w.group_ringing(&["ben"]);
        w.press(ben, Device::accept);
        w.press(amy, |amy, cx| amy.invite_more(cx, &["eve".to_owned()]));
        w.press(eve, Device::accept);
        w.press(eve, Device::hang_up);
        w.press(ben, Device::hang_up);
    }),
    ("group_join_running", |w| {
        let [amy, ben, cat, _, _] = w.group_ringing(&["ben"]);
        w.press(ben, Device::accept);
        let room = w.world.devices[amy].call.room;
        w.press(cat, |cat, cx| cat.join(cx, GROUP, room));
        w.press(amy, Device::hang_up);
        w.press(ben, Device::hang_up);
    }),
];

impl Stage {
    fn device(&mut self, name: &str, user: &str) -> usize {
        let device = self.world.device(name, user, self.generation, GOOD);
        self.world.run_for(SETTLED_MS);
        device
    }

    fn press(&mut self, device: usize, button: impl FnOnce(&mut Device, &mut Cx<'_>)) {
        self.world.with(device, button);
        self.world.run_for(SETTLED_MS);
    }

    fn call(&mut self, device: usize, users: &[&str], group: &str, media: u64) {
        let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
        self.press(device, |device, cx| device.call(cx, &users, group, media));
    }

    fn ringing(&mut self, media: u64) -> [usize; 2] {
        let [amy, ben] = ["amy", "ben"].map(|name| self.device(name, name));
        self.call(amy, &["ben"], "", media);
        [amy, ben]
    }

    fn connected(&mut self, media: u64) -> [usize; 2] {
        let [amy, ben] = self.ringing(media);
        self.press(ben, Device::accept);
        [amy, ben]
    }

    fn group_ringing(&mut self, invited: &[&str]) -> [usize; 5] {
        let all = ["amy", "ben", "cat", "dan", "eve"].map(|name| self.device(name, name));
        let members = json!({ "group": GROUP, "type": "Public", "members": ["ben", "cat", "dan", "eve"] });
        self.press(all[0], |amy, cx| amy.ask(cx, "group.create", members, Then::Nothing));
        self.call(all[0], invited, GROUP, VIDEO);
        all
    }

    fn restart(&mut self) {
        self.world.restart(true, 1_000);
        self.world.run_for(10_000);
    }
}

// ---- what both left, in one form ----

/// Messages of each conversation in order, ids by the order in which they come up; events of each device.
#[derive(Debug, PartialEq)]
struct Transcript {
    messages: Vec<Value>,
    events: BTreeMap<String, Vec<(String, String)>>,
}

impl Transcript {
    fn expected(file: &Value) -> Self {
        let events = file["devices"].as_object().expect("devices").iter();
        let told = |list: &Value| list.as_array().expect("events").iter().map(expected_event).collect();
        let messages = file["messages"].as_array().expect("messages").clone();
        Self::new(messages, events.map(|(name, list)| (name.clone(), told(list))).collect())
    }

    fn of(world: &World) -> Self {
        let messages = world.model.messages.iter().filter(|message| message.kind == "custom").map(|message| {
            let mut signal: Value =
                serde_json::from_str(message.payload["data"].as_str().expect("data")).expect("JSON");
            signal["data"] = serde_json::from_str(signal["data"].as_str().expect("data")).expect("JSON");
            signal["from"] = json!(message.from);
            signal["to"] = json!(message.to).as_object().and_then(|to| to.values().next().cloned()).expect("a peer");
            signal
        });
        let told = |device: &Device| device.events.iter().map(|(e, about)| ((*e).to_owned(), about.clone())).collect();
        Self::new(messages.collect(), world.devices.iter().map(|one| (one.name.clone(), told(one))).collect())
    }

    fn new(mut messages: Vec<Value>, mut events: BTreeMap<String, Vec<(String, String)>>) -> Self {
        messages.sort_by_key(conversation);
        let mut names = BTreeMap::new();
        for message in &mut messages {
            plain(message, &mut names);
        }
        events.values_mut().for_each(|events| accepts_before_entries(events));
        Self { messages, events }
    }
}

fn conversation(message: &Value) -> Vec<String> {
    let mut users = vec![message["from"].to_string(), message["to"].to_string()];
    users.sort();
    if message["groupID"] == "" { users } else { vec!["group".to_owned()] }
}

fn expected_event(event: &Value) -> (String, String) {
    let about = ["userID", "sponsor"].iter().find_map(|key| event[1][*key].as_str());
    let name = event[0].as_str().expect("an event");
    let whom = event[1]["timeoutUserList"][0].as_str().filter(|_| name == "NO_RESP");
    (name.to_owned(), whom.or(about).unwrap_or_default().to_owned())
}

/// Profiles are asked for before an answer is told of, so that an entry to the room may overtake it.
fn accepts_before_entries(events: &mut [(String, String)]) {
    let is_one = |(event, _): &(String, String)| event == "USER_ACCEPT" || event == "USER_ENTER";
    for run in events.chunk_by_mut(|a, b| is_one(a) && is_one(b)) {
        run.sort();
    }
}

/// Leaves out what `web/tests/kit/support/transcript.mjs` leaves out.
fn plain(value: &mut Value, names: &mut BTreeMap<String, String>) {
    const LEFT_OUT: [&str; 4] = ["extInfo", "version", "platform", "businessID"];
    let Some(object) = value.as_object_mut() else { return };
    let left_out = |key: &str, value: &Value| LEFT_OUT.contains(&key) || key == "message" && value == "";
    object.retain(|key, value| !left_out(key, value));
    for (key, value) in object.iter_mut() {
        let letter = match key.as_str() {
            "inviteID" => "I",
            "room_id" => "R",
            "groupID" | "to" if key == "groupID" || value == GROUP || value == "G1" => "G",
            "call_end" => {
                *value = json!("s");
                continue;
            }
            _ => {
                plain(value, names);
                continue;
            }
        };
        if *value != "" {
            let (count, id) = (names.len(), format!("{letter} {value}"));
            *value = json!(names.entry(id).or_insert_with(|| format!("{letter}{count}")));
        }
    }
}

fn read(generation: &str, name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../web/tests/kit/expected").join(generation);
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("an expectation");
    serde_json::from_str::<Map<String, Value>>(&text).expect("JSON").into()
}

fn plays_as_the_real_one(generation: Generation, folder: &str, (name, play): Sequence) {
    let mut stage = Stage { world: World::new(7, name.starts_with("kicked")), generation };
    play(&mut stage);
    stage.world.run_for(SETTLED_MS);
    let (told, expected) = (Transcript::of(&stage.world), Transcript::expected(&read(folder, name)));
    let lines = |transcript: &Transcript| format!("{transcript:#?}").lines().map(str::to_owned).collect::<Vec<_>>();
    if told != expected {
        let (told, expected) = (lines(&told), lines(&expected));
        let more: Vec<&String> = told.iter().filter(|line| !expected.contains(line)).collect();
        let less: Vec<&String> = expected.iter().filter(|line| !told.contains(line)).collect();
        panic!("{folder}/{name}: only here {more:#?}, only there {less:#?}\n{}", stage.world.log.join("\n"));
    }
}

#[test]
fn the_script_of_1_1_0_plays_as_the_engine() {
    for sequence in PAIRS.into_iter().chain(GROUPS) {
        plays_as_the_real_one(Generation::Wx110, "1.1.0", sequence);
    }
}

#[test]
fn the_script_of_1_4_9_plays_as_the_engine() {
    for sequence in PAIRS.into_iter().chain(GROUPS).chain(NEWER) {
        plays_as_the_real_one(Generation::Wx149, "1.4.9", sequence);
    }
}
