//! Carries outputs from engine to engine until all are quiet. Dull on purpose: every rule is in an engine.

use super::SocketOut;
use super::thread::{Control, Release};
use super::whip::overloaded;
use crate::exchange::Step;
use crate::gateway::session::SessionOutput;
use crate::store::SqliteStore;
use carillon_call as call;
use carillon_chat::{self as chat, Chat, SessionId};
use carillon_proto::gateway::{ErrorBody, Offer, Request, code};
use carillon_proto::id::{AppId, CallId, GroupId, RoomId, UserId};
use carillon_proto::time::Now;
use serde_json::{Value, json};

/// Records a client gets at once, unless it asks for fewer.
const RECORDS: u16 = 50;

/// The chat engine's facts for the call engine.
pub(super) struct Facts<'a> {
    pub(super) chat: &'a Chat,
    pub(super) store: &'a SqliteStore,
    pub(super) now: Now,
}

impl call::Directory for Facts<'_> {
    fn is_member(&self, app: AppId, group: &GroupId, user: &UserId) -> bool {
        self.chat.is_member(self.store, app, group, user)
    }

    fn is_online(&self, app: AppId, user: &UserId) -> bool {
        self.chat.is_online(app, user)
    }

    fn profile(&self, app: AppId, user: &UserId) -> (String, String) {
        self.chat.profile(self.store, app, user).map_or_else(Default::default, |p| (p.nick, p.avatar))
    }

    fn private_map_key(&self, app: AppId, user: &UserId, room: &RoomId, key: &str) -> Result<u32, ErrorBody> {
        self.chat.check_private_map_key(self.now, app, user, room, key)
    }
}

impl Control {
    pub(super) fn pump(&mut self, now: Now) {
        loop {
            if let Some(output) = self.sessions.poll_output() {
                self.session_output(now, output);
            } else if let Some(output) = self.chat.poll_output() {
                self.chat_output(now, output);
            } else if let Some(output) = self.calls.poll_output() {
                self.call_output(now, output);
            } else {
                return;
            }
        }
    }

    pub(super) fn step(&mut self, now: Now, step: Step) {
        match step {
            Step::ToWorker(worker, command) => self.release.push(Release::Worker(worker, command)),
            Step::ToCalls(command) => self.tell_calls(now, command),
            Step::Reply { session, re, result } => self.sessions.reply(now, session, re, result),
            Step::Push { session, event } => self.sessions.push(now, session, event),
            Step::Whip { request, result } => self.whip_answered(now, request, result),
        }
    }

    pub(super) fn tell_calls(&mut self, now: Now, command: call::Command) {
        #[cfg(test)]
        self.tape.push(super::thread::Taped::Told(command.clone()));
        let directory = Facts { chat: &self.chat, store: &self.store, now };
        self.calls.handle_command(now, &directory, command);
    }

    fn tell_chat(&mut self, now: Now, command: chat::Command) {
        self.chat.handle_command(now, &mut self.store, command);
    }

    fn session_output(&mut self, now: Now, output: SessionOutput) {
        match output {
            SessionOutput::Send { socket, text } => {
                self.release.push(Release::Socket(socket, SocketOut::Text(text)));
            }
            SessionOutput::Close { socket, code, reason } => {
                self.release.push(Release::Socket(socket, SocketOut::Close { code, reason }));
            }
            SessionOutput::SignIn { session, sign_in } => {
                let carillon_proto::gateway::SignIn { app, user, user_sig, device } = *sign_in;
                self.tell_chat(now, chat::Command::SignIn { session, app, user, user_sig, device });
            }
            SessionOutput::Request { session, re, request } => self.request(now, session, re, *request),
            SessionOutput::Lost { session } => self.session_state(now, session, call::SessionState::Lost),
            SessionOutput::Back { session } => self.session_state(now, session, call::SessionState::Back),
            SessionOutput::Over { session } => {
                self.session_state(now, session, call::SessionState::Over);
                self.tell_chat(now, chat::Command::SignOut { session });
                self.who.remove(&session);
            }
        }
    }

    fn session_state(&mut self, now: Now, session: SessionId, state: call::SessionState) {
        self.tell_calls(now, call::Command::Session { session: call::SessionId(session.0), state });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other verb is the chat engine's, which matches them all")]
    fn request(&mut self, now: Now, session: SessionId, re: u64, request: Request) {
        let Some((app, user)) = self.who.get(&session).cloned() else { return };
        let seat = call::SessionId(session.0);
        match request {
            Request::EnterRoom { ref room, .. } | Request::Offer(Offer { ref room, .. })
                if self.is_behind(app, room) =>
            {
                self.sessions.reply(now, session, re, Err(overloaded()));
            }
            Request::EnterRoom { room, private_map_key } => {
                let enter = call::Command::Enter { app, session: seat, re, user, room, private_map_key };
                self.tell_calls(now, enter);
            }
            Request::LeaveRoom { room } => {
                self.tell_calls(now, call::Command::Leave { app, session: Some(seat), re, user, room });
            }
            Request::SetRoomState { room, tracks } => {
                self.tell_calls(now, call::Command::SetTracks { app, session: seat, re, user, room, tracks });
            }
            Request::KickFromRoom { room, user: whom } => {
                let kick = call::Command::Kick { app, session: seat, re, by: user, user: whom, room };
                self.tell_calls(now, kick);
            }
            Request::DissolveRoom { room } => {
                self.tell_calls(now, call::Command::Dissolve { app, session: seat, re, by: user, room });
            }
            Request::CurrentCalls {} => {
                self.tell_calls(now, call::Command::Current { app, session: seat, re, user });
            }
            Request::StartCall(start) => self.ask(now, session, re, call::Ask::Start(Box::new(start))),
            Request::InviteToCall(more) => self.ask(now, session, re, call::Ask::Invite(Box::new(more))),
            Request::CancelInvitation { call, users } => {
                self.ask(now, session, re, call::Ask::Cancel { call, users });
            }
            Request::AnswerCall { call, answer } => self.ask(now, session, re, call::Ask::Answer { call, answer }),
            Request::HangUpCall { call } => self.ask(now, session, re, call::Ask::HangUp { call }),
            Request::JoinCall { call } => self.ask(now, session, re, call::Ask::Join { call }),
            Request::CallBeat { call } => self.ask(now, session, re, call::Ask::Beat { call }),
            Request::Offer(offer) => {
                let step = self.exchange.offer(session, re, app, &user, offer);
                self.step(now, step);
            }
            Request::ListRecords { before, before_call, limit } => {
                let result = self.records(app, &user, (before, before_call), limit);
                self.sessions.reply(now, session, re, result);
            }
            request => self.tell_chat(now, chat::Command::Request { session, re, request }),
        }
    }

    fn ask(&mut self, now: Now, session: SessionId, re: u64, ask: call::Ask) {
        let Some((app, user)) = self.who.get(&session).cloned() else { return };
        let session = call::SessionId(session.0);
        self.tell_calls(now, call::Command::Ask { app, session, re, user, ask });
    }

    fn records(
        &self,
        app: AppId,
        user: &UserId,
        (before, call): (Option<u64>, Option<CallId>),
        limit: Option<u16>,
    ) -> Result<Value, ErrorBody> {
        let limit = limit.unwrap_or(RECORDS).clamp(1, RECORDS);
        match self.store.records(app, user, before, call.as_ref(), limit) {
            Ok(records) => Ok(json!({ "records": records })),
            Err(error) => {
                tracing::error!(%error, "call records could not be read");
                Err(ErrorBody::new(code::INTERNAL, "call records could not be read; try again"))
            }
        }
    }

    fn chat_output(&mut self, now: Now, output: chat::Output) {
        match output {
            chat::Output::SignedIn { session, app, user, device: _, mut snapshot } => {
                snapshot.rooms = self.calls.rooms_of(app, &user);
                snapshot.calls = self.calls.calls_of(app, &user);
                self.who.insert(session, (app, user.clone()));
                self.sessions.signed_in(now, session, user, snapshot);
            }
            chat::Output::Refused { session, error } => self.sessions.refuse(now, session, error),
            chat::Output::Reply { session, re, result } => self.sessions.reply(now, session, re, result),
            chat::Output::Push { session, event } => self.sessions.push(now, session, event),
            chat::Output::End { session, reason } => self.sessions.end(now, session, reason),
            chat::Output::Accepted { app, message } => {
                self.tell_calls(now, call::Command::Follow { app, message });
            }
            chat::Output::Presence { app, user, online } => self.presence(now, app, &user, online),
        }
    }

    fn call_output(&mut self, now: Now, output: call::Output) {
        match output {
            call::Output::Reply { session, re, result } => {
                self.sessions.reply(now, SessionId(session.0), re, result);
            }
            call::Output::Entered { session, re, app, user, seat, room, may } => {
                let session = SessionId(session.0);
                self.streams.yield_seat(seat, call::Keeper::Session);
                let step = self.exchange.entered(seat, app, user.clone(), room.room.clone(), Some(session), may);
                self.step(now, step);
                self.order_streams_of(app, &room.room, &user);
                self.order_streams_around(seat);
                self.sessions.reply(now, session, re, Ok(json!(room)));
            }
            call::Output::EnteredWithoutSession { request, seat, room, may } => {
                self.whip_entered(now, request, seat, room, may);
            }
            call::Output::Attached { request, seat, room: _, may, keeper } => {
                self.stream_attached(now, request, seat, may, keeper);
            }
            call::Output::RefusedWithoutSession { request, error } => {
                if !self.stream_refused(request, &error) {
                    self.whip_answered(now, request, Err(error));
                }
            }
            call::Output::SeatClosed { seat } => {
                self.whips.forget_seat(seat);
                self.streams_of_seat_end(seat);
                let whose = self.exchange.whose(seat);
                if let Some(step) = self.exchange.seat_closed(seat) {
                    self.step(now, step);
                }
                if let Some((app, room, user)) = whose {
                    self.order_streams_of(app, &room, &user);
                }
            }
            call::Output::Notify { app, user, session, event } => {
                let sessions = match session {
                    Some(session) => vec![SessionId(session.0)],
                    None => self.chat.sessions_of(app, &user),
                };
                for session in sessions {
                    self.sessions.push(now, session, event.clone());
                }
            }
            call::Output::Send { app, user, session, message } => {
                let client_id = message.client_id.clone();
                let who = (user.clone(), session.map(|session| SessionId(session.0)));
                if let Err(error) = self.chat.send_for(now, &mut self.store, app, who, *message) {
                    self.tell_calls(now, call::Command::NotSent { app, user, client_id, error });
                }
            }
            call::Output::Save { key, value } => self.store.save(&key, value.as_deref()),
            call::Output::Record { app, record } => {
                #[cfg(test)]
                self.tape.push(super::thread::Taped::Record(record.clone()));
                self.store.add_record(app, &record);
            }
            call::Output::GroupAttribute { app, group, key, value } => {
                let key = key.to_owned();
                self.tell_chat(now, chat::Command::SetGroupAttribute { app, group, key, value });
            }
            call::Output::Happened { app, what } => self.happened(now, app, what),
        }
    }
}
