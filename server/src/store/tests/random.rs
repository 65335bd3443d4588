//! Random operations on both stores at once: every answer must be the same, through commands taken back, commits and
//! restarts of the one on disk.

use super::{APP, Folder, OTHER, group, user};
use carillon_chat::{GroupKind, GroupRow, Mark, MemberRow, MemoryStore, OpenInvitation, Store, Thread};
use carillon_proto::gateway::{Message, Peer, Profile, Role};
use carillon_proto::id::{AppId, GroupId, InviteId, MessageId, UserId};

const SEEDS: u64 = 6;
const STEPS: usize = 1_500;
const USERS: [&str; 4] = ["amy", "ben", "Cat", "dan-1"];
const GROUPS: [&str; 3] = ["t", "@TGS#1", "u"];

/// A small generator: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len() as u64) as usize]
    }

    fn app(&mut self) -> AppId {
        self.of(&[APP, APP, OTHER])
    }

    fn user(&mut self) -> UserId {
        user(self.of(&USERS))
    }

    fn group(&mut self) -> GroupId {
        group(self.of(&GROUPS))
    }

    fn thread(&mut self) -> Thread {
        if self.roll(3) == 0 { Thread::Group(self.group()) } else { Thread::between(&self.user(), &self.user()) }
    }

    fn flag(&mut self) -> bool {
        self.roll(2) == 0
    }
}

/// One operation and its answer as text: the same dice on two stores give the same operation.
fn operate(store: &mut dyn Store, dice: &mut Dice, step: u64) -> String {
    let app = dice.app();
    match dice.roll(20) {
        0 => {
            let (user, nick) = (dice.user(), format!("n{}", dice.roll(9)));
            format!("{:?}", store.put_profile(app, &Profile { user, nick, avatar: String::new() }))
        }
        1..=5 => format!("{:?}", append(store, dice, app, step).is_ok()),
        6 => {
            let id = message_id(dice.roll(step + 1));
            let Ok(Some(mut message)) = store.message(app, &id) else { return "no such message".to_owned() };
            message.modified += 1;
            message.revoked = dice.flag();
            format!("{:?}", store.update_message(app, &message))
        }
        7 => {
            let mark = Mark { read_seq: dice.roll(9), listed: dice.roll(4) > 0, shown_ms: dice.roll(5) };
            format!("{:?}", store.put_mark(app, &dice.user(), &dice.user(), &mark))
        }
        8..=9 => {
            let row = GroupRow {
                kind: dice.of(&[GroupKind::Private, GroupKind::ChatRoom, GroupKind::Community]),
                name: format!("g{}", dice.roll(9)),
                avatar: String::new(),
                introduction: "ü".to_owned(),
                notification: String::new(),
                owner: dice.user(),
                created_ms: dice.roll(9),
                first_seq: dice.roll(9),
                member_count: 0,
            };
            format!("{:?}", store.put_group(app, &dice.group(), &row))
        }
        10 if dice.roll(3) == 0 => format!("{:?}", store.delete_group(app, &dice.group())),
        10..=12 => {
            let role = if dice.flag() { Role::Owner } else { Role::Member };
            let row = MemberRow {
                role,
                joined_ms: dice.roll(4),
                from_seq: dice.roll(4),
                read_seq: dice.roll(4),
                hidden_seq: dice.roll(4),
            };
            let (group, user) = (dice.group(), dice.user());
            if store.group(app, &group) == Ok(None) {
                return "no such group".to_owned();
            }
            format!("{:?}", store.put_member(app, &group, &user, &row))
        }
        13 => format!("{:?}", store.delete_member(app, &dice.group(), &dice.user())),
        14 => {
            let (key, value) = (format!("k{}", dice.roll(3)), format!("v{}", dice.roll(3)));
            let value = dice.flag().then_some(value.as_str());
            format!("{:?}", store.put_attribute(app, &dice.group(), &key, value))
        }
        15..=16 => {
            let invitation = OpenInvitation {
                invite: invite(dice),
                message: message_id(dice.roll(9)),
                inviter: dice.user(),
                invitee: dice.user(),
                until_ms: step + dice.roll(50),
            };
            format!("{:?}", store.open_invitation(app, &invitation))
        }
        17 => format!("{:?}", store.close_invitation(app, &invite(dice), &dice.user())),
        18 => format!("{:?}", store.expire(app, step.saturating_sub(dice.roll(400)), step, 3)),
        _ => format!("{:?}", store.expire(app, 0, step.saturating_sub(20), 2)),
    }
}

/// Now and then with a number, id or client id that is taken: then both refuse.
fn append(store: &mut dyn Store, dice: &mut Dice, app: AppId, step: u64) -> Result<(), ()> {
    let from = dice.user();
    let to = if dice.roll(3) == 0 { Peer::Group(dice.group()) } else { Peer::User(dice.user()) };
    let last = store.thread(app, &Thread::with(&from, &to)).map_err(drop)?.last_seq;
    let seq = if dice.roll(30) == 0 { dice.roll(9) } else { last + 1 };
    let number = if dice.roll(30) == 0 { dice.roll(step + 1) } else { step };
    let client_id = if dice.roll(6) == 0 { String::new() } else { format!("c{number}") };
    let message = Message {
        id: message_id(number),
        from,
        to,
        seq,
        time_ms: step,
        client_id,
        kind: dice.of(&["text", "custom", carillon_chat::TIP]).to_owned(),
        exclude_from_history: dice.roll(4) == 0,
        ..super::message(1, "amy", "ben")
    };
    store.append(app, &message).map_err(drop)
}

fn message_id(number: u64) -> MessageId {
    MessageId::new(format!("m{number}")).expect("an id")
}

fn invite(dice: &mut Dice) -> InviteId {
    InviteId::new(format!("i{}", dice.roll(6))).expect("an id")
}

/// Everything one can ask, about things drawn by the dice.
fn ask(store: &dyn Store, dice: &mut Dice, step: u64) -> Vec<String> {
    let (app, one, other, group, thread) = (dice.app(), dice.user(), dice.user(), dice.group(), dice.thread());
    let (from, before, limit) = (dice.roll(9), dice.roll(60), dice.roll(6) as u16);
    let number = dice.roll(step + 1);
    vec![
        format!("{:?}", store.profile(app, &one)),
        format!("{:?}", store.thread(app, &thread)),
        format!("{:?}", store.message(app, &message_id(number))),
        format!("{:?}", store.message_at(app, &thread, from)),
        format!("{:?}", store.message_by_client_id(app, &one, &format!("c{number}"))),
        format!("{:?}", store.messages(app, &thread, from, before, limit)),
        format!("{:?}", store.unread(app, &thread, &one, from, 5)),
        format!("{:?}", store.mark(app, &one, &other)),
        format!("{:?}", store.newest_marks(app, &one, usize::from(limit))),
        format!("{:?}", store.group(app, &group)),
        format!("{:?}", store.member(app, &group, &one)),
        format!("{:?}", store.members(app, &group, from as u32 / 3, u32::from(limit))),
        format!("{:?}", store.groups_of(app, &one)),
        format!("{:?}", store.attributes(app, &group)),
        format!("{:?}", store.open_invitations(app, &one, step, usize::from(limit))),
    ]
}

/// The same command on both; a third of them is taken back.
fn command(stores: [&mut dyn Store; 2], dice: &mut Dice, step: u64) {
    let (operations, keeps, state) = (1 + dice.roll(3), dice.roll(3) > 0, dice.0);
    let answers = stores.map(|store| {
        let mut dice = Dice(state);
        store.mark_command().expect("begins");
        let done: Vec<String> = (0..operations).map(|n| operate(store, &mut dice, 4 * step + n)).collect();
        if keeps { store.keep_command() } else { store.undo_command() }.expect("ends");
        (done, dice.0)
    });
    assert_eq!(answers[0].0, answers[1].0, "step {step}");
    dice.0 = answers[0].1;
}

#[test]
fn random_operations_have_the_same_answers_in_memory_and_on_disk() {
    for seed in 0..SEEDS {
        let folder = Folder::new(&format!("random-{seed}"));
        let (mut memory, mut disk, mut dice) = (MemoryStore::new(), folder.open(), Dice(seed));
        for step in 0..STEPS as u64 {
            command([&mut memory, &mut disk], &mut dice, step);
            let mut again = Dice(dice.0);
            let expected = ask(&memory, &mut dice, 4 * step);
            assert_eq!(ask(&disk, &mut again, 4 * step), expected, "seed {seed}, step {step}");
            if step % 300 == 299 {
                disk.commit().expect("commits");
                drop(disk);
                disk = folder.open();
            }
        }
    }
}
