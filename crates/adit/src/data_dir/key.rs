//! Secret keys that are made once and must survive a restart.

use std::{fs, io, path::Path};

use rand::Rng as _;

use super::{DataDir, DataDirError, file, io_error};

impl DataDir {
    /// The key with that file name in `keys/`: random bytes, made when first asked for.
    ///
    /// # Errors
    /// [`DataDirError::Damaged`] if the file does not hold `N` bytes; a key is never replaced silently, because what
    /// it protects would be lost.
    pub(crate) fn key<const N: usize>(&self, name: &str) -> Result<[u8; N], DataDirError> {
        let path = self.keys().join(name);
        match fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; N];
                rand::rng().fill_bytes(&mut key);
                file::write_private(&path, &key)?;
                Ok(key)
            }
            Err(cause) => Err(io_error("read", &path)(cause)),
        }
    }
}

fn parse<const N: usize>(path: &Path, bytes: &[u8]) -> Result<[u8; N], DataDirError> {
    bytes.try_into().map_err(|_| DataDirError::Damaged {
        path: path.to_owned(),
        problem: "it has the wrong length",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn a_key_stays_the_same_and_a_damaged_one_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        let first: [u8; 32] = dir.key("secrets.key").unwrap();
        assert_eq!(dir.key("secrets.key").unwrap(), first);
        assert_ne!(dir.key::<32>("quic.key").unwrap(), first);

        fs::write(dir.keys().join("secrets.key"), b"short").unwrap();
        assert!(matches!(
            dir.key::<32>("secrets.key"),
            Err(DataDirError::Damaged { .. })
        ));
    }
}
