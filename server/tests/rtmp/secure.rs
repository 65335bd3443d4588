//! RTMPS.

use crate::support::streams::{Ffmpeg, assert_steady, rtmp_address};
use crate::support::{Folder, PATIENCE, Server};
use crate::{ROOM, by_hand};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("openssl is installed").success(), "openssl {arguments}");
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// Makes `NAME.pem`, an authority of its own.
fn authority(folder: &Path, name: &str) -> String {
    openssl(folder, &format!("req -x509 {NEW_KEY} -days 1 -subj /CN={name} -keyout {name}.key -out {name}.pem"));
    folder.join(format!("{name}.pem")).display().to_string()
}

/// Its certificate for this machine and the key, and who signed it.
struct Certified {
    folder: Folder,
    authority: String,
}

impl Certified {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = authority(folder.path(), "authority");
        openssl(folder.path(), &format!("req {NEW_KEY} -subj /CN=carillon -keyout key.pem -out request.pem"));
        std::fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1").expect("the folder takes files");
        let by = "-CA authority.pem -CAkey authority.key -CAcreateserial -days 1 -extfile names";
        openssl(folder.path(), &format!("x509 -req -in request.pem {by} -out cert.pem"));
        Self { folder, authority }
    }

    fn serve(&self) -> (Server, SocketAddr) {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let settings = [("LISTEN_TLS_CERT", &*cert), ("LISTEN_TLS_KEY", &key), ("RTMP_LISTEN_TLS", "127.0.0.1:0")];
        let server = Server::start(&self.folder, &settings);
        let line = server.log_line("listening for RTMPS");
        let address = line.split("rtmps=").nth(1).and_then(|rest| rest.split_whitespace().next());
        (server, address.and_then(|a| a.parse().ok()).expect("an address"))
    }
}

#[test]
fn rtmps_serves_clients_that_trust_its_authority() {
    let certified = Certified::new();
    let (server, rtmps) = certified.serve();
    let plain = |who: &str| rtmp_address(&server, ROOM, "amy", who);
    let secure = |who: &str| plain(who).replace(&format!("rtmp://{}", server.rtmp), &format!("rtmps://{rtmps}"));
    let trust = |authority: &str| ["-tls_verify", "1", "-ca_file", authority].map(str::to_owned);
    let ours = trust(&certified.authority);
    let ours = ours.each_ref().map(String::as_str);
    let publisher = Ffmpeg::publish_with(&secure("amy"), &ours);
    let mut players = [Ffmpeg::play_with(&secure("ben"), &ours), Ffmpeg::play(&plain("cat"))];
    players.iter().for_each(|player| assert_steady(&player.decoded(60)));
    let other = trust(&authority(certified.folder.path(), "other"));
    let (status, complaints) = Ffmpeg::play_with(&secure("eve"), &other.each_ref().map(String::as_str)).ending();
    assert!(!status.success() && complaints.contains("verification"), "{complaints}");
    publisher.stop();
    for player in &mut players {
        let (status, complaints) = player.ending();
        assert!(status.success() && complaints.is_empty(), "{status}: {complaints}");
    }
}

#[test]
fn what_is_no_tls_is_closed_and_disturbs_nobody() {
    let certified = Certified::new();
    let (server, rtmps) = certified.serve();
    let _publisher = Ffmpeg::publish(&rtmp_address(&server, ROOM, "amy", "amy"));
    let player = Ffmpeg::play(&rtmp_address(&server, ROOM, "amy", "ben"));
    let mut decoded = player.decoded(30);
    for said in [by_hand::session("play", "7/amy"), vec![0xff; 4_096], b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let mut stream = TcpStream::connect(rtmps).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        let _ = stream.write_all(&said);
        let mut heard = Vec::new();
        let ended = stream.read_to_end(&mut heard);
        assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
        // At most a TLS alert (RFC 8446 section 5.1).
        assert!(heard.is_empty() || heard[0] == 21, "{heard:?}");
    }
    decoded.extend(player.decoded(30));
    assert_steady(&decoded);
}
