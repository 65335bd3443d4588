//! A session that lost its socket, and who gets it back.

use super::*;

#[test]
fn resume_replays_exactly_what_was_missed() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    for n in 1..=3 {
        bench.push(session, n);
    }
    assert!(is_lost(&bench.lose(A), session));
    assert_eq!(bench.push(session, 4), [], "kept for later");
    let outputs = bench.resume(B, &welcome.session, 2);
    assert_eq!(outputs[0], SessionOutput::Back { session });
    assert!(matches!(&frames(&outputs, B)[0], ServerFrame::Welcome(w) if w.resumed && w.snapshot.is_none()));
    assert_eq!(seqs(&outputs, B), [3, 4]);
    assert_eq!(seqs(&bench.push(session, 5), B), [5]);
}

#[test]
fn resume_from_what_is_gone_or_was_never_sent_is_refused() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    bench.push(session, 1);
    bench.say(A, ClientFrame::Ack { seq: 1 });
    bench.lose(A);
    for ack in [0, 2, u64::MAX] {
        assert_refused(&bench.resume(B, &welcome.session, ack), B, code::RESUME_FAILED);
    }
    assert!(!frames(&bench.resume(B, &welcome.session, 1), B).is_empty());
}

#[test]
fn resume_with_a_wrong_secret_is_refused() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    let other = secret_text(session, &[9; 16]);
    let nobody = welcome.session.replacen('1', "2", 1);
    for wrong in ["", "-", "1-", "1-01", "\u{e9}-\u{e9}", &other, &nobody, &format!("{}0", welcome.session)] {
        assert_refused(&bench.resume(B, wrong, 0), B, code::RESUME_FAILED);
    }
    assert_eq!(bench.sessions.stats().resumes_refused, 8);
    assert_eq!(bench.sessions.stats().sessions_online, 1, "the session itself is untouched");
}

#[test]
fn session_before_its_welcome_cannot_be_resumed() {
    let mut bench = Bench::new();
    let session = bench.greet(A);
    assert_refused(&bench.resume(B, &secret_text(session, &[1; 16]), 0), B, code::RESUME_FAILED);
}

#[test]
fn session_is_over_when_nobody_resumes_it() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    bench.lose(A);
    assert_eq!(bench.pass(Duration::from_millis(59_999)), []);
    assert_eq!(bench.pass(Duration::from_millis(1)), [SessionOutput::Over { session }]);
    assert_refused(&bench.resume(B, &welcome.session, 0), B, code::RESUME_FAILED);
}

#[test]
fn resumed_session_has_its_whole_time_again() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    bench.lose(A);
    bench.pass(Duration::from_secs(59));
    bench.resume(B, &welcome.session, 0);
    assert_eq!(bench.pass(Duration::from_secs(2)), [], "the first deadline is off");
    assert!(is_lost(&bench.lose(B), session));
    assert_eq!(bench.pass(Duration::from_secs(59)), []);
}

#[test]
fn resume_supersedes_the_old_socket() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    let outputs = bench.resume(B, &welcome.session, 0);
    assert_eq!(closed(&outputs, A), Some(close::SUPERSEDED));
    assert!(!is_lost(&outputs, session) && !outputs.contains(&SessionOutput::Back { session }));
    assert_eq!(bench.say(A, request(1)), [], "the old socket is not heard any more");
    assert_eq!(bench.lose(A), [], "nor missed");
    assert_eq!(asked(&bench.say(B, request(1))), [1]);
}

/// The secret in the welcome that a resume yields.
fn secret_of(outputs: &[SessionOutput], socket: SocketId) -> String {
    let ServerFrame::Welcome(welcome) = &frames(outputs, socket)[0] else { panic!("no welcome: {outputs:?}") };
    welcome.session.clone()
}

#[test]
fn each_resume_draws_a_secret_and_the_old_one_ends_with_its_first_use() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    let second = secret_of(&bench.resume(B, &welcome.session, 0), B);
    assert_ne!(second, welcome.session);
    bench.lose(B);
    let third = secret_of(&bench.resume(B, &welcome.session, 0), B);
    assert_ne!(third, second, "the first welcome was lost on its way: the old secret still resumes");
    bench.lose(B);
    assert_refused(&bench.resume(B, &second, 0), B, code::RESUME_FAILED);
    let fourth = secret_of(&bench.resume(B, &third, 0), B);
    assert_eq!(asked(&bench.say(B, request(1))), [1], "the client has the fourth");
    assert!(is_lost(&bench.lose(B), session));
    assert_refused(&bench.resume(B, &third, 0), B, code::RESUME_FAILED);
    assert!(!frames(&bench.resume(B, &fourth, 0), B).is_empty());
}

#[test]
fn late_hello_of_an_older_try_takes_nothing() {
    let mut bench = Bench::new();
    let (_, welcome) = bench.sign_in(A);
    bench.lose(A);
    assert!(!frames(&bench.resume_by_try(B, &welcome.session, 0, 2), B).is_empty());
    let outputs = bench.resume_by_try(C, &welcome.session, 0, 1);
    assert_eq!(closed(&outputs, C), Some(close::SUPERSEDED));
    assert_eq!((closed(&outputs, B), frames(&outputs, C).len()), (None, 0));
    assert_eq!(asked(&bench.say(B, request(1))), [1], "the newer one goes on");
}

#[test]
fn reply_to_a_lost_session_waits_for_it() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    bench.say(A, request(1));
    bench.lose(A);
    bench.sessions.reply(bench.now, session, 1, Ok(json!({})));
    assert_eq!(bench.outputs(), []);
    let outputs = bench.resume(B, &welcome.session, 0);
    assert!(matches!(frames(&outputs, B)[1], ServerFrame::Reply { seq: 1, re: 1, .. }), "{outputs:?}");
}
