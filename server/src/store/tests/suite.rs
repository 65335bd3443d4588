//! What every store must answer: the same facts over memory and over SQLite.

use super::{APP, OTHER, group, message, user};
use carillon_chat::{
    GroupKind, GroupRow, Mark, MemberRow, MemoryStore, OpenInvitation, Store, TIP, Thread, ThreadState,
};
use carillon_proto::gateway::{Message, Peer, Profile, Role};
use carillon_proto::id::{InviteId, MessageId};
use std::collections::BTreeMap;

macro_rules! over_both_stores {
    ($($fact:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $fact() { super::$fact(&mut super::MemoryStore::new()); })*
        }
        mod sqlite {
            $(#[test] fn $fact() { super::$fact(&mut super::super::in_memory()); })*
        }
    };
}

over_both_stores!(
    profiles_are_found_by_name_and_replaced,
    messages_come_in_pages_in_order,
    messages_are_found_by_id_and_by_client_id_of_their_sender,
    a_message_out_of_order_or_twice_is_refused,
    unread_counts_only_what_others_wrote_and_what_counts,
    the_thread_knows_its_last_and_its_last_shown_message,
    a_changed_message_is_changed_wherever_it_is_found,
    conversations_are_listed_newest_first,
    groups_count_their_members,
    members_come_by_age_and_in_pages,
    a_dismissed_group_leaves_its_thread,
    attributes_are_set_one_by_one,
    invitations_are_open_until_their_end_or_their_answer,
    the_first_invitation_of_an_id_stands,
    the_oldest_rows_expire_first,
    a_command_taken_back_leaves_nothing,
    apps_are_apart,
);

fn id(text: &str) -> MessageId {
    MessageId::new(text).expect("an id")
}

fn thread() -> Thread {
    Thread::between(&user("amy"), &user("ben"))
}

fn fill(store: &mut dyn Store, count: u64) {
    for seq in 1..=count {
        store.append(APP, &message(seq, "amy", "ben")).expect("appends");
    }
}

fn seqs(messages: Vec<Message>) -> Vec<u64> {
    messages.iter().map(|m| m.seq).collect()
}

fn profiles_are_found_by_name_and_replaced(store: &mut dyn Store) {
    let profile = |nick: &str| Profile { user: user("amy"), nick: nick.into(), avatar: "a".into() };
    for nick in ["one", "two"] {
        store.put_profile(APP, &profile(nick)).expect("writes");
    }
    assert_eq!(store.profile(APP, &user("amy")), Ok(Some(profile("two"))));
    assert_eq!(store.profile(APP, &user("Amy")), Ok(None), "names have a case");
}

fn messages_come_in_pages_in_order(store: &mut dyn Store) {
    fill(store, 5);
    let page = |from, before, limit| seqs(store.messages(APP, &thread(), from, before, limit).expect("reads"));
    assert_eq!(page(0, u64::MAX, 10), [1, 2, 3, 4, 5]);
    assert_eq!(page(2, 5, 2), [3, 4]);
    assert_eq!(page(4, 3, 2), [0; 0]);
    assert_eq!(page(0, 0, 2), [0; 0]);
    let other = Thread::between(&user("amy"), &user("cat"));
    assert_eq!(store.messages(APP, &other, 0, u64::MAX, 9), Ok(Vec::new()));
}

fn messages_are_found_by_id_and_by_client_id_of_their_sender(store: &mut dyn Store) {
    fill(store, 2);
    let second = Some(message(2, "amy", "ben"));
    assert_eq!(store.message(APP, &id("m2")), Ok(second.clone()));
    assert_eq!(store.message_at(APP, &thread(), 2), Ok(second.clone()));
    assert_eq!(store.message_by_client_id(APP, &user("amy"), "c2"), Ok(second));
    assert_eq!(store.message_by_client_id(APP, &user("ben"), "c2"), Ok(None));
    assert_eq!((store.message(APP, &id("m3")), store.message_at(APP, &thread(), 3)), (Ok(None), Ok(None)));
}

fn a_message_out_of_order_or_twice_is_refused(store: &mut dyn Store) {
    fill(store, 1);
    let bad = [
        message(1, "amy", "ben"),
        message(3, "amy", "ben"),
        Message { client_id: "c1".into(), ..message(2, "amy", "ben") },
        Message { id: id("m1"), ..message(2, "amy", "ben") },
    ];
    for message in bad {
        assert!(store.append(APP, &message).is_err(), "{message:?}");
        assert_eq!(store.thread(APP, &thread()).map(|t| t.last_seq), Ok(1));
    }
    let unnamed = |seq| Message { client_id: String::new(), ..message(seq, "amy", "ben") };
    (2..=3).for_each(|seq| store.append(APP, &unnamed(seq)).expect("tips have no client id"));
}

fn unread_counts_only_what_others_wrote_and_what_counts(store: &mut dyn Store) {
    fill(store, 3);
    store.append(APP, &Message { exclude_from_history: true, ..message(4, "amy", "ben") }).expect("appends");
    store.append(APP, &Message { kind: TIP.into(), ..message(5, "amy", "ben") }).expect("appends");
    store.append(APP, &message(6, "ben", "amy")).expect("appends");
    let unread = |name, after, max| store.unread(APP, &thread(), &user(name), after, max).expect("counts");
    assert_eq!((unread("ben", 0, 999), unread("ben", 1, 999), unread("ben", 0, 2)), (3, 2, 2));
    assert_eq!((unread("amy", 0, 999), unread("amy", 6, 999), unread("amy", u64::MAX, 9)), (1, 0, 0));
    store.update_message(APP, &Message { revoked: true, ..message(2, "amy", "ben") }).expect("writes");
    assert_eq!(store.unread(APP, &thread(), &user("ben"), 0, 999), Ok(2));
}

fn the_thread_knows_its_last_and_its_last_shown_message(store: &mut dyn Store) {
    assert_eq!(store.thread(APP, &thread()), Ok(ThreadState::default()));
    fill(store, 1);
    store.append(APP, &Message { exclude_from_history: true, ..message(2, "ben", "amy") }).expect("appends");
    assert_eq!(store.thread(APP, &thread()), Ok(ThreadState { last_seq: 2, shown_seq: 1, shown_ms: 1001 }));
}

fn a_changed_message_is_changed_wherever_it_is_found(store: &mut dyn Store) {
    fill(store, 1);
    let changed = Message { cloud_custom_data: "x".into(), modified: 1, ..message(1, "amy", "ben") };
    store.update_message(APP, &changed).expect("writes");
    assert_eq!(store.message(APP, &id("m1")), Ok(Some(changed.clone())));
    assert_eq!(store.messages(APP, &thread(), 0, 9, 9), Ok(vec![changed.clone()]));
    assert_eq!(store.message_by_client_id(APP, &user("amy"), "c1"), Ok(Some(changed)));
    store.update_message(APP, &message(7, "amy", "ben")).expect("nothing to change");
    assert_eq!(store.message(APP, &id("m7")), Ok(None));
}

fn conversations_are_listed_newest_first(store: &mut dyn Store) {
    let mark = |shown_ms, listed| Mark { read_seq: 3, listed, shown_ms };
    for (peer, mark) in
        [("ben", mark(5, true)), ("cat", mark(9, true)), ("dan", mark(9, true)), ("eve", mark(9, false))]
    {
        store.put_mark(APP, &user("amy"), &user(peer), &mark).expect("writes");
    }
    let listed = |limit| {
        let marks = store.newest_marks(APP, &user("amy"), limit).expect("reads");
        marks.into_iter().map(|(peer, _)| peer.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((listed(9), listed(1)), (["dan", "cat", "ben"].map(String::from).to_vec(), vec!["dan".to_owned()]));
    assert_eq!(store.mark(APP, &user("amy"), &user("eve")), Ok(Some(mark(9, false))));
    assert_eq!(store.mark(APP, &user("ben"), &user("amy")), Ok(None), "each side has its own");
}

fn row(owner: &str) -> GroupRow {
    GroupRow {
        kind: GroupKind::AvChatRoom,
        name: "Team".into(),
        avatar: "a".into(),
        introduction: "i".into(),
        notification: "n".into(),
        owner: user(owner),
        created_ms: 4,
        first_seq: 2,
        member_count: 99,
    }
}

fn member(joined_ms: u64) -> MemberRow {
    MemberRow { role: Role::Member, joined_ms, from_seq: 1, read_seq: 2, hidden_seq: 3 }
}

fn groups_count_their_members(store: &mut dyn Store) {
    store.put_group(APP, &group("t"), &row("amy")).expect("writes");
    let count = |store: &dyn Store| store.group(APP, &group("t")).expect("reads").expect("is there").member_count;
    assert_eq!(count(store), 0, "what is put does not count");
    for name in ["amy", "ben", "ben"] {
        store.put_member(APP, &group("t"), &user(name), &member(1)).expect("writes");
    }
    store.put_group(APP, &group("t"), &row("ben")).expect("writes");
    assert_eq!(store.group(APP, &group("t")), Ok(Some(GroupRow { member_count: 2, ..row("ben") })));
    for name in ["amy", "amy", "cat"] {
        store.delete_member(APP, &group("t"), &user(name)).expect("writes");
    }
    assert_eq!(count(store), 1);
    assert_eq!(store.member(APP, &group("t"), &user("ben")), Ok(Some(member(1))));
    assert_eq!(store.member(APP, &group("t"), &user("amy")), Ok(None));
}

fn members_come_by_age_and_in_pages(store: &mut dyn Store) {
    for name in ["s", "t"] {
        store.put_group(APP, &group(name), &row("amy")).expect("writes");
    }
    for (name, joined) in [("cat", 1), ("amy", 2), ("ben", 2), ("dan", 0)] {
        store.put_member(APP, &group("t"), &user(name), &member(joined)).expect("writes");
        store.put_member(APP, &group("s"), &user("amy"), &member(joined)).expect("writes");
    }
    let names = |offset, limit| {
        let rows = store.members(APP, &group("t"), offset, limit).expect("reads");
        rows.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(0, 9), ["dan", "cat", "amy", "ben"]);
    assert_eq!((names(1, 2), names(4, 2)), (vec!["cat".to_owned(), "amy".to_owned()], Vec::new()));
    assert_eq!(store.groups_of(APP, &user("amy")), Ok(vec![group("s"), group("t")]));
}

fn a_dismissed_group_leaves_its_thread(store: &mut dyn Store) {
    store.put_group(APP, &group("t"), &row("amy")).expect("writes");
    store.put_member(APP, &group("t"), &user("amy"), &member(1)).expect("writes");
    store.put_attribute(APP, &group("t"), "k", Some("v")).expect("writes");
    let to_group = Message { to: Peer::Group(group("t")), ..message(1, "amy", "ben") };
    store.append(APP, &to_group).expect("appends");
    store.delete_group(APP, &group("t")).expect("writes");
    assert_eq!(store.group(APP, &group("t")), Ok(None));
    assert_eq!(
        (store.groups_of(APP, &user("amy")), store.attributes(APP, &group("t"))),
        (Ok(vec![]), Ok(BTreeMap::new()))
    );
    assert_eq!(store.thread(APP, &Thread::Group(group("t"))).map(|t| t.last_seq), Ok(1));
}

fn attributes_are_set_one_by_one(store: &mut dyn Store) {
    for (key, value) in
        [("b", Some("1")), ("a", Some("2")), ("b", Some("3")), ("c", Some("4")), ("c", None), ("d", None)]
    {
        store.put_attribute(APP, &group("t"), key, value).expect("writes");
    }
    let expected = [("a", "2"), ("b", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(store.attributes(APP, &group("t")), Ok(BTreeMap::from(expected)));
}

fn open(invite: &str, invitee: &str, until_ms: u64) -> OpenInvitation {
    let invite = InviteId::new(invite).expect("an id");
    OpenInvitation { invite, message: id("m1"), inviter: user("amy"), invitee: user(invitee), until_ms }
}

fn ringing(store: &dyn Store, name: &str, now_ms: u64, limit: usize) -> Vec<(String, u64)> {
    let all = store.open_invitations(APP, &user(name), now_ms, limit).expect("reads");
    all.into_iter().map(|i| (i.invite.as_str().to_owned(), i.until_ms)).collect()
}

fn invitations_are_open_until_their_end_or_their_answer(store: &mut dyn Store) {
    for invitation in [open("i", "ben", 30), open("i", "cat", 30), open("j", "ben", 20), open("h", "ben", 30)] {
        store.open_invitation(APP, &invitation).expect("writes");
    }
    let named = |names: &[(&str, u64)]| names.iter().map(|(n, until)| ((*n).to_owned(), *until)).collect::<Vec<_>>();
    assert_eq!(ringing(store, "ben", 19, 9), named(&[("j", 20), ("h", 30), ("i", 30)]));
    assert_eq!(ringing(store, "ben", 20, 9), named(&[("h", 30), ("i", 30)]));
    assert_eq!(ringing(store, "ben", 0, 1), named(&[("i", 30)]));
    let close = |store: &mut dyn Store, by| {
        store.close_invitation(APP, &open("i", "x", 0).invite, &user(by)).expect("writes");
    };
    close(store, "dan");
    close(store, "ben");
    assert_eq!((ringing(store, "ben", 20, 9), ringing(store, "cat", 0, 9)), (named(&[("h", 30)]), named(&[("i", 30)])));
    close(store, "amy");
    assert_eq!(ringing(store, "cat", 0, 9), []);
}

fn the_first_invitation_of_an_id_stands(store: &mut dyn Store) {
    store.open_invitation(APP, &open("i", "ben", 30)).expect("writes");
    store.open_invitation(APP, &open("i", "ben", 90)).expect("writes");
    assert_eq!(ringing(store, "ben", 0, 9), [("i".to_owned(), 30)]);
}

fn the_oldest_rows_expire_first(store: &mut dyn Store) {
    fill(store, 5);
    for invitation in [open("a", "ben", 30), open("b", "ben", 10), open("c", "ben", 20)] {
        store.open_invitation(APP, &invitation).expect("writes");
    }
    assert_eq!(store.expire(APP, 1004, 30, 2), Ok(4));
    assert_eq!(seqs(store.messages(APP, &thread(), 0, 9, 9).expect("reads")), [3, 4, 5]);
    assert_eq!(ringing(store, "ben", 0, 9), [("a".to_owned(), 30)]);
    assert_eq!(store.expire(APP, 1004, 29, 9), Ok(1));
    assert_eq!(store.message(APP, &id("m1")), Ok(None));
    assert_eq!(store.message_by_client_id(APP, &user("amy"), "c1"), Ok(None));
    assert_eq!(store.thread(APP, &thread()).map(|t| t.last_seq), Ok(5), "numbers go on");
}

fn a_command_taken_back_leaves_nothing(store: &mut dyn Store) {
    fill(store, 1);
    store.mark_command().expect("begins");
    store.append(APP, &message(2, "amy", "ben")).expect("appends");
    store.put_group(APP, &group("t"), &row("amy")).expect("writes");
    store.undo_command().expect("undoes");
    assert_eq!((store.message(APP, &id("m2")), store.group(APP, &group("t"))), (Ok(None), Ok(None)));
    store.mark_command().expect("begins");
    store.append(APP, &message(2, "amy", "ben")).expect("appends");
    store.keep_command().expect("keeps");
    assert_eq!(store.thread(APP, &thread()).map(|t| t.last_seq), Ok(2));
}

fn apps_are_apart(store: &mut dyn Store) {
    fill(store, 1);
    store.put_mark(APP, &user("amy"), &user("ben"), &Mark { read_seq: 1, listed: true, shown_ms: 5 }).expect("writes");
    store.put_group(APP, &group("t"), &row("amy")).expect("writes");
    store.put_member(APP, &group("t"), &user("amy"), &member(1)).expect("writes");
    store.put_attribute(APP, &group("t"), "k", Some("v")).expect("writes");
    store.open_invitation(APP, &open("i", "ben", 30)).expect("writes");
    store.close_invitation(OTHER, &open("i", "x", 0).invite, &user("amy")).expect("writes");
    store.delete_group(OTHER, &group("t")).expect("writes");
    assert_eq!(store.expire(OTHER, u64::MAX, u64::MAX, 9), Ok(0));
    assert_eq!(
        (store.thread(OTHER, &thread()), store.message(OTHER, &id("m1"))),
        (Ok(ThreadState::default()), Ok(None))
    );
    assert_eq!(store.message_by_client_id(OTHER, &user("amy"), "c1"), Ok(None));
    assert_eq!(
        (store.newest_marks(OTHER, &user("amy"), 9), store.groups_of(OTHER, &user("amy"))),
        (Ok(vec![]), Ok(vec![]))
    );
    assert_eq!(
        (store.group(OTHER, &group("t")), store.attributes(OTHER, &group("t"))),
        (Ok(None), Ok(BTreeMap::new()))
    );
    assert_eq!(store.open_invitations(OTHER, &user("ben"), 0, 9), Ok(vec![]));
    assert!(store.group(APP, &group("t")).is_ok_and(|g| g.is_some()));
    assert_eq!(ringing(store, "ben", 0, 9).len(), 1);
    store.append(OTHER, &message(1, "amy", "ben")).expect("the same ids in another app");
}
