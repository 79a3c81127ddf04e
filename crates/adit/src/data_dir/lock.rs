//! One process at a time.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{DataDirError, io_error};

pub(super) const FILE_NAME: &str = "adit.lock";

/// The right to use a data directory; ends with the process, however it ends.
#[derive(Debug)]
#[must_use = "the right ends when this is dropped"]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, DataDirError> {
        let path = dir.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| text.trim().parse().ok());
                return Err(DataDirError::InUse {
                    path: dir.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(cause)) => return Err(io_error("lock", &path)(cause)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(io_error("write", &path))?;
        Ok(Self { _file: file })
    }

    /// Whether some process holds the lock of that directory now.
    pub(crate) fn is_held(dir: &Path) -> bool {
        // A shared lock is let go of at once, when the file is dropped.
        File::open(dir.join(FILE_NAME))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_names_the_first_ones_pid() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Lock::is_held(dir.path()));
        let first = Lock::take(dir.path()).unwrap();
        assert!(Lock::is_held(dir.path()));
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        assert!(!Lock::is_held(dir.path()));
        let _second = Lock::take(dir.path()).unwrap();
    }
}
