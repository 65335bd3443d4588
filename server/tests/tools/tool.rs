//! A tool that runs: its end, and what it complained of.

use crate::support::{PATIENCE, now};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Killed with its value.
pub(crate) struct Tool {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Tool {
    /// Complaints go to a file in `folder`.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).expect("the folder takes files");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a second handle")).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} is not installed: {error}"));
        Self { name: name.to_owned(), child, log }
    }

    /// Its own end, in time.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let deadline = now() + 2 * PATIENCE;
        loop {
            match self.child.try_wait().expect("it can be asked") {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{}: {status}: {}", self.name, self.complaints())),
                None if now() > deadline => return Err(format!("{} does not end: {}", self.name, self.complaints())),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// What it wrote to its standard output and error.
    pub(crate) fn complaints(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a tool that ends by itself at once prints. Errors: its complaints, whether it succeeds or not.
pub(crate) fn output(mut command: Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaints.trim().is_empty() {
        return Err(format!("{name}: {}: {}", output.status, complaints.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
