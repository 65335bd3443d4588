//! A NAT between one client and the server, which can forget its mapping: from then on the server sees another port.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

pub(crate) struct Relay {
    /// Where the client sends to.
    pub address: SocketAddr,
    rebind: mpsc::UnboundedSender<()>,
}

impl Relay {
    /// Carries datagrams between one client and `server`.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let inside = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("binds"));
        let address = inside.local_addr().expect("bound");
        let (rebind, rebinds) = mpsc::unbounded_channel();
        tokio::spawn(carry(inside, server, rebinds));
        Self { address, rebind }
    }

    /// The next datagram comes to the server from another port; what is sent to the old one is lost.
    pub(crate) fn rebind(&self) {
        self.rebind.send(()).expect("the relay runs");
    }

    /// Puts the relay's address in the place of an answer's UDP candidates.
    pub(crate) fn edit(&self) -> super::client::Edit {
        let address = self.address;
        Box::new(move |answer| {
            let line = |line: &str| match line.strip_prefix("a=candidate:") {
                Some(candidate) => {
                    let mut fields: Vec<&str> = candidate.split(' ').collect();
                    let (ip, port) = (address.ip().to_string(), address.port().to_string());
                    if !fields[2].eq_ignore_ascii_case("udp") {
                        return None;
                    }
                    (fields[4], fields[5]) = (&ip, &port);
                    Some(format!("a=candidate:{}\r\n", fields.join(" ")))
                }
                None => Some(format!("{line}\r\n")),
            };
            answer.lines().filter_map(line).collect()
        })
    }
}

async fn carry(inside: Arc<UdpSocket>, server: SocketAddr, mut rebinds: mpsc::UnboundedReceiver<()>) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut outside = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    let mut client = None;
    loop {
        tokio::select! {
            Ok((len, from)) = inside.recv_from(&mut up) => {
                client = Some(from);
                let _ = outside.send_to(&up[..len], server).await;
            }
            Ok((len, _)) = outside.recv_from(&mut down) => {
                if let Some(client) = client {
                    let _ = inside.send_to(&down[..len], client).await;
                }
            }
            asked = rebinds.recv() => {
                if asked.is_none() {
                    return;
                }
                outside = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
            }
        }
    }
}
