//! Random histories: sockets die with frames in both directions, and still everything happens exactly once, in order.

use super::*;
use crate::testing::Dice;

const SEEDS: u64 = 300;
const STEPS: u32 = 400;

/// A socket with what is under way in it.
struct Line {
    socket: SocketId,
    up: VecDeque<ClientFrame>,
    down: VecDeque<ServerFrame>,
    welcomed: bool,
}

/// One client, its network, and the server's side of its session.
struct World {
    dice: Dice,
    bench: Bench,
    session: SessionId,
    secret: String,
    last_socket: u64,
    tries: u64,
    line: Option<Line>,
    /// Given up by the client, not yet by the server: what was under way may still arrive there.
    ghosts: Vec<Line>,
    is_lost: bool,
    // The client's view.
    handled: u64,
    events_handled: u64,
    last_request: u64,
    unanswered: BTreeSet<u64>,
    // The server's view.
    pushed: u64,
    given_out: BTreeSet<u64>,
    to_answer: Vec<u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let config = Gateway { requests_burst: 100_000, outbox_frames: 100_000, ..Gateway::default() };
        let mut bench = Bench::with(config);
        let (session, welcome) = bench.sign_in(A);
        let line = Line { socket: A, up: VecDeque::new(), down: VecDeque::new(), welcomed: true };
        Self {
            dice: Dice(seed),
            bench,
            session,
            secret: welcome.session,
            last_socket: A.0,
            tries: 0,
            line: Some(line),
            ghosts: Vec::new(),
            is_lost: false,
            handled: 0,
            events_handled: 0,
            last_request: 0,
            unanswered: BTreeSet::new(),
            pushed: 0,
            given_out: BTreeSet::new(),
            to_answer: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=2 => self.ask(),
            3..=5 => self.push(),
            6..=8 => self.answer(),
            9..=12 => self.deliver_up(),
            13..=16 => self.deliver_down(),
            17 => self.kill(),
            18 => self.notice_ghost(),
            _ => self.connect(),
        }
        let time = Duration::from_millis(self.dice.below(200));
        let outputs = self.bench.pass(time);
        self.take(outputs);
    }

    /// The client asks something new, or says what it has handled.
    fn ask(&mut self) {
        let Some(line) = self.line.as_mut().filter(|line| line.welcomed) else { return };
        if self.unanswered.len() >= 60 || self.dice.below(4) == 0 {
            return line.up.push_back(ClientFrame::Ack { seq: self.handled });
        }
        self.last_request += 1;
        self.unanswered.insert(self.last_request);
        line.up.push_back(request(self.last_request));
    }

    fn push(&mut self) {
        self.pushed += 1;
        let outputs = self.bench.push(self.session, self.pushed);
        self.take(outputs);
    }

    fn answer(&mut self) {
        if self.to_answer.is_empty() {
            return;
        }
        let at = self.dice.below(self.to_answer.len() as u64) as usize;
        let re = self.to_answer.swap_remove(at);
        self.bench.sessions.reply(self.bench.now, self.session, re, Ok(json!(re)));
        let outputs = self.bench.outputs();
        self.take(outputs);
    }

    fn deliver_up(&mut self) {
        let Some(line) = &mut self.line else { return };
        let Some(frame) = line.up.pop_front() else { return };
        let outputs = self.bench.say(line.socket, frame);
        self.take(outputs);
    }

    fn deliver_down(&mut self) {
        let Some(frame) = self.line.as_mut().and_then(|line| line.down.pop_front()) else { return };
        match frame {
            ServerFrame::Welcome(welcome) => self.welcomed(*welcome),
            ServerFrame::Reply { seq, re, .. } => {
                self.handle(seq);
                assert!(self.unanswered.remove(&re), "request {re} was answered twice");
            }
            ServerFrame::Event { seq, event } => {
                self.handle(seq);
                self.events_handled += 1;
                assert_eq!(event, super::event(self.events_handled), "events keep their order");
            }
            ServerFrame::Ack { .. } | ServerFrame::Pong { .. } => {}
            ServerFrame::Refused { .. } | ServerFrame::Bye { .. } => panic!("{frame:?}"),
        }
    }

    fn handle(&mut self, seq: u64) {
        assert_eq!(seq, self.handled + 1, "each frame once, in order");
        self.handled = seq;
    }

    /// Sends again what the server has not taken, at times also what it has.
    fn welcomed(&mut self, welcome: Welcome) {
        assert_ne!(welcome.session, self.secret, "each resume draws a secret");
        self.secret = welcome.session;
        let from = if self.dice.below(2) == 0 { welcome.ack + 1 } else { 1 };
        let Some(line) = &mut self.line else { return };
        line.welcomed = true;
        line.up.extend(self.unanswered.range(from..).map(|id| request(*id)));
    }

    /// The client's end of the socket dies.
    fn kill(&mut self) {
        if let Some(mut line) = self.line.take() {
            line.up.truncate(self.dice.below(4) as usize);
            self.ghosts.push(line);
        }
    }

    /// The server reads what still came out of a dead socket, or sees its end.
    fn notice_ghost(&mut self) {
        if self.ghosts.is_empty() {
            return;
        }
        let at = self.dice.below(self.ghosts.len() as u64) as usize;
        let socket = self.ghosts[at].socket;
        let outputs = match self.ghosts[at].up.pop_front() {
            Some(frame) => self.bench.say(socket, frame),
            None => {
                self.ghosts.swap_remove(at);
                self.bench.lose(socket)
            }
        };
        self.take(outputs);
    }

    fn connect(&mut self) {
        if self.line.is_some() {
            return;
        }
        self.last_socket += 1;
        let socket = SocketId(self.last_socket);
        self.bench.open(socket);
        self.tries += 1;
        let up = VecDeque::from([resume_frame(&self.secret, self.handled, self.tries)]);
        self.line = Some(Line { socket, up, down: VecDeque::new(), welcomed: false });
    }

    fn take(&mut self, outputs: Vec<SessionOutput>) {
        for output in outputs {
            match output {
                SessionOutput::Send { socket, text } => {
                    if let Some(line) = self.line.as_mut().filter(|line| line.socket == socket) {
                        line.down.push_back(parse(&text));
                    }
                }
                SessionOutput::Close { socket, .. } => {
                    // However late a resume comes that the client gave up on: it takes nothing from a newer one.
                    assert!(self.line.as_ref().is_none_or(|line| line.socket != socket));
                }
                SessionOutput::Request { re, request, .. } => {
                    assert_eq!(*request, Request::SetStatus { custom: re.to_string() });
                    assert!(self.given_out.insert(re), "request {re} was given out twice");
                    self.to_answer.push(re);
                }
                SessionOutput::Lost { .. } => assert!(!std::mem::replace(&mut self.is_lost, true)),
                SessionOutput::Back { .. } => assert!(std::mem::replace(&mut self.is_lost, false)),
                SessionOutput::SignIn { .. } | SessionOutput::Over { .. } => panic!("{output:?}"),
            }
        }
    }

    /// No more accidents: everything under way arrives.
    fn settle(&mut self) {
        while !self.ghosts.is_empty() {
            self.notice_ghost();
        }
        self.connect();
        while !self.is_settled() {
            self.deliver_up();
            self.answer();
            self.deliver_down();
        }
    }

    fn is_settled(&self) -> bool {
        let quiet = self.line.as_ref().is_some_and(|line| line.up.is_empty() && line.down.is_empty());
        quiet && self.to_answer.is_empty()
    }
}

#[test]
fn everything_happens_once_and_in_order_however_sockets_die() {
    let (mut resumes, mut repeated, mut replayed) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle();
        assert!(world.unanswered.is_empty(), "seed {seed}: {:?} were never answered", world.unanswered);
        assert_eq!(world.events_handled, world.pushed, "seed {seed}");
        assert_eq!(world.given_out.len() as u64, world.last_request, "seed {seed}");
        let stats = world.bench.sessions.stats();
        assert_eq!((stats.sockets, stats.sessions_online, stats.sessions_lost), (1, 1, 0), "seed {seed}");
        resumes += stats.resumes;
        repeated += stats.requests_repeated;
        replayed += stats.frames_replayed;
    }
    assert!(resumes > SEEDS && repeated > SEEDS && replayed > SEEDS, "the histories were too calm");
}
