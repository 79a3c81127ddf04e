//! Files that are there whole or not at all, even after a power cut.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{DataDirError, io_error, sync_dir};

/// Writes a file beside its place, makes it durable and moves it there. Its owner alone may read it.
///
/// # Errors
/// [`DataDirError::Io`]; the old file, if there was one, is then untouched.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written =
        write_new(&new, content).and_then(|()| fs::rename(&new, path).map_err(io_error("move", &new)));
    if written.is_err() {
        let _ = fs::remove_file(&new);
        return written;
    }
    // The move itself is durable only with the directory.
    let dir = path.parent().unwrap_or(Path::new("."));
    sync_dir(Some(dir)).map_err(io_error("write", dir))
}

fn write_new(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    // What a killed process left behind.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io_error("make", path))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = write_private(&dir.path().join("missing/run.json"), b"one")
            .unwrap_err()
            .to_string();
        assert!(error.contains("missing/run.json"), "{error}");
    }
}
