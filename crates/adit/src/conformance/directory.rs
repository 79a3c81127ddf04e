//! A data directory that conformance mode made, and may therefore empty.

use std::fs;

use crate::{
    data_dir::{DataDir, Lock, file::write_private},
    failure::Failure,
};

const MARK: &str = "conformance";

/// Takes the directory, if it is new, empty or was made by this mode.
///
/// # Errors
/// It holds something else, is in use, or cannot be written.
pub(super) fn claim(dir: &DataDir) -> Result<Lock, Failure> {
    let mark = dir.path().join(MARK);
    let is_empty = fs::read_dir(dir.path()).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty && !mark.exists() {
        let sentence = format!(
            "{} was not made by conformance mode, which erases what it finds",
            dir.path().display()
        );
        return Err(Failure::because(sentence).hint("name a new directory with --data-dir"));
    }
    let lock = dir.claim().map_err(Failure::failed)?;
    write_private(
        &mark,
        b"Made by `adit server --conformance`: nothing here is kept.\n",
    )
    .map_err(Failure::failed)?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    fn dir(parent: &tempfile::TempDir, name: &str) -> DataDir {
        DataDir::locate(Some(&parent.path().join(name)), Role::Server, |_| None).unwrap()
    }

    #[test]
    fn only_a_directory_of_its_own_is_taken() {
        let parent = tempfile::tempdir().unwrap();
        let own = dir(&parent, "own");
        drop(claim(&own).unwrap());
        drop(claim(&own).unwrap());

        let foreign = dir(&parent, "foreign");
        drop(foreign.claim().unwrap());
        let refused = claim(&foreign).err().unwrap().to_string();
        assert!(refused.contains("was not made by conformance mode"), "{refused}");
    }
}
