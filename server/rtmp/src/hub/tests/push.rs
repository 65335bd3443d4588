//! One hub publishes on another.

use super::client::{INTER, KEY};
use super::*;
use crate::client::Target;

const PUSH: ConnectionId = ConnectionId(1_000);

/// Two servers, and the socket between them.
struct Relay {
    here: World,
    there: World,
    socket: ConnectionId,
}

impl Relay {
    fn new(name: &str) -> Self {
        let (mut here, mut there) = (World::new(), World::new());
        let stream = Address::parse("live/1", "", AMY).expect("an address").stream;
        let target = Target::parse(&format!("rtmp://there/live/1/7/{name}")).expect("a target");
        here.tell(Command::Push { connection: PUSH, stream, target });
        let socket = there.open().id;
        Self { here, there, socket }
    }

    fn carry(&mut self) {
        for _ in 0..10 {
            let bytes = self.here.read(PUSH, usize::MAX);
            self.there.hub.handle_bytes(self.there.now, self.socket, &bytes);
            self.there.drain();
            let bytes = self.there.read(self.socket, usize::MAX);
            self.here.hub.handle_bytes(self.here.now, PUSH, &bytes);
            self.here.drain();
        }
    }
}

#[test]
fn stream_is_played_at_the_other_server() {
    let mut relay = Relay::new("ben?user=ben&token=x");
    let mut publisher = relay.here.publisher();
    publisher.metadata(&mut relay.here);
    publisher.headers(&mut relay.here);
    publisher.picture(&mut relay.here, KEY, 0, 1);
    relay.carry();
    let mut player = relay.there.connect();
    player.play(&mut relay.there, "7/ben?user=cat&token=x");
    publisher.picture(&mut relay.here, INTER, 40, 2);
    relay.carry();
    player.read(&mut relay.there);
    player.codes();
    let heard = player.media_heard();
    assert_eq!(heard, ["metadata @0", "video header @0", "audio header @0", "v1@0", "v2@40"]);
    publisher.command(&mut relay.here, "deleteStream", vec![1.0.into()]);
    relay.carry();
    player.read(&mut relay.there);
    assert_eq!(player.codes(), ["NetStream.Play.UnpublishNotify"]);
    assert!(relay.here.take_outputs().contains(&Output::Close { connection: PUSH }));
}

#[test]
fn refusal_of_the_other_server_ends_it() {
    let mut relay = Relay::new("nothing");
    relay.carry();
    assert!(relay.here.take_outputs().contains(&Output::Close { connection: PUSH }));
    assert_eq!(relay.here.hub.stats().pushes_refused, 1);
}
