//! nginx-rtmp between a tool and us.

use crate::support::{PATIENCE, now};
use crate::tool::Tool;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
/// Where `.ci/nginx` unpacks it if it is not installed.
const UNPACKED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/nginx");

pub(crate) struct Nginx {
    listen: SocketAddr,
    _tool: Tool,
}

impl Nginx {
    /// What is published at `in` goes on to `address`, in chunks of this size.
    pub(crate) fn pushing(folder: &Path, address: &str, chunk_bytes: u32) -> Self {
        Self::start(folder, "push", chunk_bytes, &format!("push {}", target(address)))
    }

    /// Who plays `out` gets what `address` plays.
    pub(crate) fn pulling(folder: &Path, address: &str) -> Self {
        Self::start(folder, "pull", 4_096, &format!("pull {} name=out", target(address)))
    }

    pub(crate) fn address(&self, name: &str) -> String {
        format!("rtmp://{}/relay/{name}", self.listen)
    }

    fn start(folder: &Path, name: &str, chunk_bytes: u32, relay: &str) -> Self {
        let folder = folder.join(format!("nginx-{name}"));
        fs::create_dir(&folder).expect("a folder");
        let listen = free_address();
        let unpacked = Path::new(UNPACKED).exists();
        let (program, module) = match unpacked {
            true => (format!("{UNPACKED}/usr/sbin/nginx"), format!("{UNPACKED}{MODULE}")),
            false => ("nginx".to_owned(), MODULE.to_owned()),
        };
        let configuration = format!(
            "load_module {module};
             daemon off; master_process off; pid {folder}/pid; error_log stderr error;
             events {{ worker_connections 64; }}
             rtmp {{ server {{ listen {listen}; chunk_size {chunk_bytes}; access_log off;
             application relay {{ live on; sync 0; {relay}; }} }} }}",
            folder = folder.display()
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration).expect("a configuration");
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).arg("-c").arg(&file).args(["-e", "stderr"]);
        let tool = Tool::start("nginx", command, &folder);
        let deadline = now() + PATIENCE;
        while TcpStream::connect(listen).is_err() {
            assert!(now() < deadline, "nginx does not listen: {}", tool.complaints());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { listen, _tool: tool }
    }
}

/// An address as the module wants it: `app` and the rest apart, as it would cut after the first word.
fn target(address: &str) -> String {
    let path = address.strip_prefix("rtmp://").expect("an address of ours");
    let (host, path) = path.split_once('/').expect("a path");
    let (app, name) = path.rsplit_once('/').expect("a name");
    format!("\"rtmp://{host}\" \"app={app}\" \"playPath={name}\"")
}

/// Of a port that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound")
}
