//! Keys: fresh ones, and the one of development mode, which lasts in the data folder.

use carillon::clock::random_bytes;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FILE: &str = "development.key";

/// 256 bits as 64 hex digits, the form of the vendor's keys.
pub(super) fn fresh() -> String {
    random_bytes::<32>().iter().map(|b| format!("{b:02x}")).collect()
}

/// Made once: UserSigs of yesterday still work today.
pub(super) fn development(folder: &Path) -> Result<String, String> {
    let path = folder.join(FILE);
    let blame = |e: io::Error| format!("{}: {e}", path.display());
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    match write_new(&path, &format!("{}\n", fresh())) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(blame(error)),
    }
    let key = fs::read_to_string(&path).map_err(blame)?.trim().to_owned();
    match key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => Ok(key),
        false => Err(format!("{}: not 64 hex digits; delete it for a new key", path.display())),
    }
}

/// Whole or not at all, never over another file, readable by its owner only.
pub(super) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{:016x}", carillon::clock::random_u64()));
    let draft = path.with_file_name(name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link, unlike a rename, refuses where the name is taken.
        fs::hard_link(&draft, path)
    })();
    let _ = fs::remove_file(&draft);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_development_key_is_made_once_and_private() {
        let folder = std::env::temp_dir().join(format!("carillon-key-{}", carillon::clock::random_u64()));
        let key = development(&folder).expect("made");
        assert_eq!(development(&folder).as_ref(), Ok(&key));
        let mode = fs::metadata(folder.join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.join(FILE), "short").expect("written");
        assert!(development(&folder).is_err());
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 1, "no draft is left");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
