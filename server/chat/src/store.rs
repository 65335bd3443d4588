//! What the chat engine needs of a store. The shell implements it on SQLite; [`MemoryStore`] is for tests.
//!
//! Calls are synchronous: the shell runs the engine on a thread of its own, inside one transaction for a batch of
//! commands, and releases the engine's outputs only after that transaction is durable. So nothing is told to anybody
//! that a crash could take back.
//!
//! A store keeps rows and orders them; the rules (who may, what counts) are the engine's. Each method touches one app,
//! by a key, and reads no more rows than its `limit` or a limit of the configuration.

mod memory;

pub use memory::MemoryStore;

use carillon_proto::gateway::{Message, Peer, Profile, Role};
use carillon_proto::id::{AppId, GroupId, InviteId, MessageId, UserId};
use std::collections::BTreeMap;
use std::fmt;

/// The kind of message that the server itself writes into a group.
pub const TIP: &str = "tip";

/// One ordered conversation with its `seq` numbers, shared by all who take part in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thread {
    /// Two users, the lesser name first; twice the same for notes to oneself. Made by [`Thread::between`].
    C2c(UserId, UserId),
    Group(GroupId),
}

impl Thread {
    pub fn between(a: &UserId, b: &UserId) -> Self {
        let (first, second) = if a <= b { (a, b) } else { (b, a) };
        Self::C2c(first.clone(), second.clone())
    }

    /// The thread that `user` shares with `peer`.
    pub fn with(user: &UserId, peer: &Peer) -> Self {
        match peer {
            Peer::User(other) => Self::between(user, other),
            Peer::Group(group) => Self::Group(group.clone()),
        }
    }

    pub fn of(message: &Message) -> Self {
        Self::with(&message.from, &message.to)
    }
}

/// As a key within an app. User ids have no colon, so no two threads share a key.
impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::C2c(a, b) => write!(f, "c2c:{a}:{b}"),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

/// How far a thread has come. All zero before its first message; kept when its group is dismissed, so that a group of
/// the same name goes on counting and its members see nothing of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadState {
    pub last_seq: u64,
    /// The last message that a list of conversations shows ([`is_shown`]); 0: none.
    pub shown_seq: u64,
    pub shown_ms: u64,
}

impl ThreadState {
    /// The thread with this message at its end.
    pub fn with(self, message: &Message) -> StoreResult<Self> {
        let last_seq = self.last_seq + 1;
        if message.seq != last_seq {
            return Err(StoreError::Corrupt(format!("seq {} after {}", message.seq, self.last_seq)));
        }
        let (shown_seq, shown_ms) =
            if is_shown(message) { (message.seq, message.time_ms) } else { (self.shown_seq, self.shown_ms) };
        Ok(Self { last_seq, shown_seq, shown_ms })
    }
}

/// Whether a message is a conversation's last message and brings it to the top.
pub fn is_shown(message: &Message) -> bool {
    !message.exclude_from_history
}

/// Whether a message is unread for those who did not send it.
pub fn is_counted(message: &Message) -> bool {
    !message.exclude_from_history && !message.revoked && message.kind != TIP
}

/// One user's side of a C2C conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    pub read_seq: u64,
    /// In the user's list: not since it was deleted there.
    pub listed: bool,
    /// When the last shown message came.
    pub shown_ms: u64,
}

/// Who may join follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKind {
    /// By a member's invitation only.
    Private,
    Public,
    ChatRoom,
    AvChatRoom,
    Community,
}

impl GroupKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
            Self::ChatRoom => "ChatRoom",
            Self::AvChatRoom => "AVChatRoom",
            Self::Community => "Community",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Private, Self::Public, Self::ChatRoom, Self::AvChatRoom, Self::Community]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Whether anybody may join by itself.
    pub fn is_open(self) -> bool {
        match self {
            Self::Private => false,
            Self::Public | Self::ChatRoom | Self::AvChatRoom | Self::Community => true,
        }
    }

    /// Whether a new member sees what was written before it came.
    pub fn shows_the_past(self) -> bool {
        match self {
            Self::Private | Self::Public => false,
            Self::ChatRoom | Self::AvChatRoom | Self::Community => true,
        }
    }
}

/// A group without its members and attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    pub kind: GroupKind,
    pub name: String,
    pub avatar: String,
    pub introduction: String,
    pub notification: String,
    pub owner: UserId,
    pub created_ms: u64,
    /// The first `seq` that belongs to this group and not to an earlier one of its name.
    pub first_seq: u64,
    /// Kept by the store with each member that comes and goes; what is put is ignored.
    pub member_count: u32,
}

/// One user's side of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRow {
    pub role: Role,
    pub joined_ms: u64,
    /// The first `seq` that this member may read.
    pub from_seq: u64,
    pub read_seq: u64,
    /// The conversation is not in the member's list until a later message is shown.
    pub hidden_seq: u64,
}

/// An invitation that may still ring one invitee's late devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    pub invite: InviteId,
    pub message: MessageId,
    pub inviter: UserId,
    pub invitee: UserId,
    pub until_ms: u64,
}

/// What went wrong in the store; both are the operator's to mend, never a client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// It could not read or write: disk full, disk broken, file gone.
    Unavailable(String),
    /// It holds what the engine never wrote.
    Corrupt(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(what) => write!(f, "the store is not available: {what}"),
            Self::Corrupt(what) => write!(f, "the store holds what nobody wrote: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

pub type StoreResult<T> = Result<T, StoreError>;

/// The chat engine's rows. See the module for what it promises.
pub trait Store {
    /// From here to `keep` or `undo` is one command: it happens whole or not at all. Never nested.
    fn mark_command(&mut self) -> StoreResult<()>;
    fn keep_command(&mut self) -> StoreResult<()>;
    fn undo_command(&mut self) -> StoreResult<()>;

    fn profile(&self, app: AppId, user: &UserId) -> StoreResult<Option<Profile>>;
    /// Makes or replaces.
    fn put_profile(&mut self, app: AppId, profile: &Profile) -> StoreResult<()>;

    fn thread(&self, app: AppId, thread: &Thread) -> StoreResult<ThreadState>;
    /// Adds a message at the end of its thread: [`ThreadState::with`]. Its id, and its client id of its sender, are new.
    fn append(&mut self, app: AppId, message: &Message) -> StoreResult<()>;
    /// Writes payload, cloudCustomData, `modified` and `revoked` of a message that is there.
    fn update_message(&mut self, app: AppId, message: &Message) -> StoreResult<()>;
    fn message(&self, app: AppId, id: &MessageId) -> StoreResult<Option<Message>>;
    fn message_at(&self, app: AppId, thread: &Thread, seq: u64) -> StoreResult<Option<Message>>;
    fn message_by_client_id(&self, app: AppId, from: &UserId, client_id: &str) -> StoreResult<Option<Message>>;
    /// The last `limit` messages with `from <= seq < before`, oldest first.
    fn messages(&self, app: AppId, thread: &Thread, from: u64, before: u64, limit: u16) -> StoreResult<Vec<Message>>;
    /// Counted messages ([`is_counted`]) after `after_seq` that `user` did not send; counting stops at `max`.
    fn unread(&self, app: AppId, thread: &Thread, user: &UserId, after_seq: u64, max: u32) -> StoreResult<u32>;

    /// `user`'s side of its conversation with `peer`.
    fn mark(&self, app: AppId, user: &UserId, peer: &UserId) -> StoreResult<Option<Mark>>;
    fn put_mark(&mut self, app: AppId, user: &UserId, peer: &UserId, mark: &Mark) -> StoreResult<()>;
    /// Listed ones, by `shown_ms` and name, the greatest first.
    fn newest_marks(&self, app: AppId, user: &UserId, limit: usize) -> StoreResult<Vec<(UserId, Mark)>>;

    fn group(&self, app: AppId, group: &GroupId) -> StoreResult<Option<GroupRow>>;
    /// Makes or replaces.
    fn put_group(&mut self, app: AppId, group: &GroupId, row: &GroupRow) -> StoreResult<()>;
    /// With its members and attributes; its thread stays.
    fn delete_group(&mut self, app: AppId, group: &GroupId) -> StoreResult<()>;
    fn member(&self, app: AppId, group: &GroupId, user: &UserId) -> StoreResult<Option<MemberRow>>;
    /// Makes or replaces; its group is there.
    fn put_member(&mut self, app: AppId, group: &GroupId, user: &UserId, row: &MemberRow) -> StoreResult<()>;
    fn delete_member(&mut self, app: AppId, group: &GroupId, user: &UserId) -> StoreResult<()>;
    /// Longest members first, those of one moment by name.
    fn members(&self, app: AppId, group: &GroupId, offset: u32, limit: u32) -> StoreResult<Vec<(UserId, MemberRow)>>;
    /// In the order of their names; `chat.groups_per_user_max` bounds them.
    fn groups_of(&self, app: AppId, user: &UserId) -> StoreResult<Vec<GroupId>>;

    fn attributes(&self, app: AppId, group: &GroupId) -> StoreResult<BTreeMap<String, String>>;
    /// `None` removes it.
    fn put_attribute(&mut self, app: AppId, group: &GroupId, key: &str, value: Option<&str>) -> StoreResult<()>;

    /// The first of an id stands for its invitee.
    fn open_invitation(&mut self, app: AppId, invitation: &OpenInvitation) -> StoreResult<()>;
    /// Closes what `by` has to do with `invite`: all invitees where it is the inviter, itself where it is invited.
    fn close_invitation(&mut self, app: AppId, invite: &InviteId, by: &UserId) -> StoreResult<()>;
    /// Of `invitee`, good at `now_ms`, the `limit` that end last, by their end and id.
    fn open_invitations(
        &self,
        app: AppId,
        invitee: &UserId,
        now_ms: u64,
        limit: usize,
    ) -> StoreResult<Vec<OpenInvitation>>;

    /// Deletes messages older than `messages_before_ms` and invitations that ended by `now_ms`, the oldest `limit` rows of
    /// each. Returns how many rows went.
    fn expire(&mut self, app: AppId, messages_before_ms: u64, now_ms: u64, limit: u32) -> StoreResult<u32>;
}
