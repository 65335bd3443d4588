//! What a media thread has to tell the control thread, while that thread is behind. Facts that are told once wait; what
//! is told again anyway makes room.

use carillon_proto::gateway::TrackName;
use carillon_sfu::{Event, Output, ParticipantId, transport::Codec};
use std::collections::{BTreeMap, VecDeque};

/// Loudness and quality reports that wait. Beyond, the oldest go: newer ones tell the same again.
const REPORTS: usize = 8192;

/// Who cannot play whose track.
type Player = (ParticipantId, ParticipantId, TrackName);

#[derive(Debug, Default)]
pub(super) struct Events {
    /// Answers, transports, tracks: never dropped. Offers in flight are bounded, and the others follow offers or come
    /// once in several seconds for each participant.
    facts: VecDeque<Output>,
    /// A publisher changes its codec as often as it likes: the newest state stands for those before it.
    unplayable: BTreeMap<Player, Option<Codec>>,
    reports: VecDeque<Output>,
}

impl Events {
    /// How many older reports were dropped: 0 or 1.
    pub(super) fn push(&mut self, output: Output) -> u64 {
        match output {
            Output::Answer { .. } | Output::Refused { .. } => self.facts.push_back(output),
            Output::Event(event) => return self.push_event(event),
        }
        0
    }

    /// Hands over in order until `take` gives one back.
    pub(super) fn offer(&mut self, mut take: impl FnMut(Output) -> Result<(), Output>) {
        offer_queue(&mut self.facts, &mut take);
        while self.facts.is_empty()
            && let Some(((participant, publisher, track), codec)) = self.unplayable.pop_first()
        {
            let event = Event::TrackUnplayable { participant, publisher, track, codec };
            if take(Output::Event(event)).is_err() {
                self.unplayable.insert((participant, publisher, track), codec);
                return;
            }
        }
        if self.facts.is_empty() {
            offer_queue(&mut self.reports, &mut take);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.unplayable.is_empty() && self.reports.is_empty()
    }

    fn push_event(&mut self, event: Event) -> u64 {
        match event {
            Event::TransportConnected { .. }
            | Event::TransportLost { .. }
            | Event::TransportClosed { .. }
            | Event::TrackStarted { .. }
            | Event::RenegotiationWanted { .. }
            | Event::TrackEnded { .. } => self.facts.push_back(Output::Event(event)),
            Event::TrackUnplayable { participant, publisher, track, codec } => {
                self.unplayable.insert((participant, publisher, track), codec);
            }
            Event::Volumes { .. } | Event::Quality { .. } => {
                let full = self.reports.len() >= REPORTS;
                if full {
                    self.reports.pop_front();
                }
                self.reports.push_back(Output::Event(event));
                return u64::from(full);
            }
        }
        0
    }
}

fn offer_queue(queue: &mut VecDeque<Output>, take: &mut impl FnMut(Output) -> Result<(), Output>) {
    while let Some(output) = queue.pop_front() {
        if let Err(output) = take(output) {
            queue.push_front(output);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_sfu::{RequestId, RoomKey};

    const AMY: ParticipantId = ParticipantId(1);
    const BEN: ParticipantId = ParticipantId(2);

    fn volumes(room: u64) -> Output {
        Output::Event(Event::Volumes { room: RoomKey(room), volumes: Vec::new(), speaker: None })
    }

    fn unplayable(codec: Option<Codec>) -> Output {
        Output::Event(Event::TrackUnplayable { participant: AMY, publisher: BEN, track: TrackName::Camera, codec })
    }

    fn all(events: &mut Events) -> Vec<Output> {
        let mut taken = Vec::new();
        events.offer(|output| {
            taken.push(output);
            Ok(())
        });
        taken
    }

    #[test]
    fn answers_and_ends_outlast_any_number_of_reports() {
        let answer = Output::Answer { request: RequestId(1), participant: AMY, sdp: "v=0".into() };
        let closed = Output::Event(Event::TransportClosed { participant: BEN });
        let mut events = Events::default();
        events.push(answer.clone());
        events.push(closed.clone());
        let dropped: u64 = (0..REPORTS as u64 + 5).map(|room| events.push(volumes(room))).sum();
        assert_eq!(dropped, 5);
        let told = all(&mut events);
        assert_eq!((told.len(), &told[..3]), (REPORTS + 2, &[answer, closed, volumes(5)][..]));
        assert!(events.is_empty());
    }

    #[test]
    fn newest_codec_stands_for_those_before_it() {
        let mut events = Events::default();
        for _ in 0..100_000 {
            events.push(unplayable(Some(Codec::Vp8)));
            events.push(unplayable(None));
        }
        assert_eq!(all(&mut events), [unplayable(None)]);
    }

    #[test]
    fn what_is_given_back_comes_first_the_next_time() {
        let pushed = [Output::Event(Event::TransportLost { participant: AMY }), unplayable(None), volumes(1)];
        for fits in 0..pushed.len() {
            let mut events = Events::default();
            for output in pushed.clone() {
                events.push(output);
            }
            let mut taken = Vec::new();
            events.offer(|output| {
                if taken.len() == fits {
                    return Err(output);
                }
                taken.push(output);
                Ok(())
            });
            assert!(!events.is_empty());
            taken.extend(all(&mut events));
            assert_eq!(taken, pushed);
        }
    }
}
