//! Both state machines as one page, for people to read and for a test to hold.

use crate::call::{Event as CallEvent, Phase};
use crate::invitation::{Event, State};
use carillon_proto::gateway::CallResult;
use std::fmt::{Debug, Write as _};

fn table<S: Debug + Copy, E: Debug + Copy>(states: &[S], events: &[E], next: impl Fn(S, E) -> Option<S>) -> String {
    let mut page = String::new();
    let cell = |text: String| format!(" {text:28}|");
    let header: String = states.iter().map(|state| cell(format!("{state:?}"))).collect();
    writeln!(page, "{:24}|{}", "", header).expect("a text takes what is written");
    for event in events {
        let row = states.iter().map(|state| match next(*state, *event) {
            Some(next) => cell(format!("{next:?}")),
            None => cell(String::new()),
        });
        writeln!(page, "{:24}|{}", format!("{event:?}"), row.collect::<String>())
            .expect("a text takes what is written");
    }
    page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn calls_and_shares_move_as_printed() {
    let phases = [Phase::Waiting, Phase::Answered, Phase::Connected, Phase::Ended(CallResult::Reject)];
    let call_events = [
        CallEvent::Answered,
        CallEvent::Met,
        CallEvent::Unanswered(CallResult::Cancel),
        CallEvent::Alone { hung_up: true },
        CallEvent::Alone { hung_up: false },
        CallEvent::Stopped,
    ];
    let states = [State::Pending, State::Accepted, State::Rejected, State::Busy, State::TimedOut, State::Canceled];
    let events = [Event::Accept, Event::Reject, Event::Busy, Event::TimeOut, Event::Cancel];
    let page = format!(
        "A call\n\n{}\n\nOne invitee's share of an invitation\n\n{}\n",
        table(&phases, &call_events, Phase::next),
        table(&states, &events, State::next)
    );
    insta::assert_snapshot!("transitions", page);
}
