//! Somebody's back end that takes callbacks, or does not.

use super::PATIENCE;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One callback as it came.
#[derive(Debug, Clone)]
pub struct Got {
    /// Path and query.
    pub target: String,
    pub headers: String,
    pub text: String,
    pub body: Value,
}

impl Got {
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        pair.map(|(_, value)| value.to_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What becomes of one callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Take,
    /// HTTP 500.
    Fail,
    /// No answer at all.
    Hang,
}

type Judge = Box<dyn FnMut(&Got) -> Verdict + Send>;

pub struct Receiver {
    pub address: SocketAddr,
    judge: Arc<Mutex<Judge>>,
    taken: mpsc::Receiver<Got>,
}

impl Receiver {
    pub fn start(judge: impl FnMut(&Got) -> Verdict + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let judge: Arc<Mutex<Judge>> = Arc::new(Mutex::new(Box::new(judge)));
        let (sender, taken) = mpsc::channel();
        let judging = judge.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (judge, sender) = (judging.clone(), sender.clone());
                std::thread::spawn(move || answer(stream, &judge, &sender));
            }
        });
        Self { address, judge, taken }
    }

    pub fn judge(&self, judge: impl FnMut(&Got) -> Verdict + Send + 'static) {
        *self.judge.lock().expect("sound") = Box::new(judge);
    }

    /// The next that is taken.
    pub fn next(&self) -> Got {
        self.taken.recv_timeout(PATIENCE).expect("a callback comes in time")
    }

    /// All up to the first that is `last`.
    pub fn until(&self, last: impl Fn(&Got) -> bool) -> Vec<Got> {
        let mut all = Vec::new();
        loop {
            all.push(self.next());
            if last(all.last().expect("one")) {
                return all;
            }
        }
    }

    /// What came meanwhile.
    pub fn rest(&self, within: Duration) -> Vec<Got> {
        std::iter::from_fn(|| self.taken.recv_timeout(within).ok()).collect()
    }
}

fn answer(mut stream: TcpStream, judge: &Mutex<Judge>, taken: &Sender<Got>) {
    let Some(got) = read(&mut stream) else { return };
    let verdict = (judge.lock().expect("sound"))(&got);
    let answer = match verdict {
        Verdict::Take => "200 OK",
        Verdict::Fail => "500 Internal Server Error",
        Verdict::Hang => {
            // Until the other side gives up.
            let _ = stream.read(&mut [0; 16]);
            return;
        }
    };
    let body = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;
    if verdict == Verdict::Take {
        let _ = taken.send(got);
    }
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (first, headers) = head.split_once("\r\n")?;
        let target = first.strip_prefix("POST ")?.split(' ').next()?.to_owned();
        let mut got = Got { target, headers: headers.to_owned(), text: body.to_owned(), body: Value::Null };
        let length: usize = got.header("content-length")?.parse().ok()?;
        if body.len() >= length {
            got.body = serde_json::from_str(body).ok()?;
            return Some(got);
        }
    }
}
