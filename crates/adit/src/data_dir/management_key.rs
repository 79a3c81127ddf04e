//! `keys/management.key`, which signs management tokens, and those before it.
//!
//! A running Adit signs with the key that it read at its start, so nobody knows at a rotation when the old one signs for
//! the last time. The next start does: it gives retired keys their end.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use adit_model::Timestamp;
use adit_wire::management_token::{
    KeyFileError, LIFETIME, ManagementKey, ManagementKeys, RetiredManagementKey,
};
use anyhow::{Context, ensure};

use super::{DataDir, file::write_private};

const CURRENT: &str = "management.key";
/// The public half of an earlier key is in `management.old-<number>.key`.
const RETIRED: (&str, &str) = ("management.old-", ".key");
/// More rotations within a token's lifetime are a script that went wrong.
const MAX_RETIRED: usize = 16;

/// What becomes of the tokens that earlier keys signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldTokens {
    /// They stay good until they expire, an hour after the next start at the latest.
    Keep,
    /// They are worthless from the next start on.
    Revoke,
}

impl DataDir {
    /// The keys of management tokens, for whoever signs from now on; the first one is made when first asked for. Retired
    /// keys get their end now if they have none, and go if they are past it.
    ///
    /// # Errors
    /// Names the file that cannot be read, written or understood.
    pub(crate) fn management_keys(&self) -> anyhow::Result<ManagementKeys> {
        let signing = match self.management_key()? {
            Some(key) => key,
            None => self.make_management_key(1)?,
        };
        let now = SystemTime::now();
        let mut trusted = Vec::new();
        for (path, text, key) in self.retired_keys(Timestamp::from(now + LIFETIME))? {
            if key.trusted_until() <= Timestamp::from(now) {
                remove(&path)?;
            // A rotation that ended half way left the key in both places; it has not retired.
            } else if key.id() != signing.id() {
                if key.encode() != text {
                    write_private(&path, key.encode().as_bytes())?;
                }
                trusted.push(key);
            }
        }
        Ok(ManagementKeys::new(signing, trusted))
    }

    /// Makes the key that signs from the next start on, and gives its number.
    ///
    /// # Errors
    /// As [`DataDir::management_keys`]; also if there were very many rotations within the last hour.
    pub(crate) fn rotate_management_key(&self, old_tokens: OldTokens) -> anyhow::Result<u32> {
        let Some(old) = self.management_key()? else {
            return Ok(self.make_management_key(1)?.id());
        };
        let retired = self.retired_keys(Timestamp::from(SystemTime::now() + LIFETIME))?;
        match old_tokens {
            // Before the old key goes: a rotation that ends between the two leaves one key in both files.
            OldTokens::Keep => {
                ensure!(
                    retired.len() < MAX_RETIRED,
                    "tokens of {MAX_RETIRED} earlier keys may still be in use: start Adit and wait an hour, \
                     or add --revoke"
                );
                let (before, after) = RETIRED;
                let name = format!("{before}{}{after}", old.id());
                write_private(&self.keys().join(name), old.retire().as_bytes())?;
            }
            OldTokens::Revoke => {
                for (path, ..) in retired {
                    remove(&path)?;
                }
            }
        }
        Ok(self.make_management_key(old.id().saturating_add(1))?.id())
    }

    fn management_key(&self) -> anyhow::Result<Option<ManagementKey>> {
        let path = self.keys().join(CURRENT);
        match fs::read_to_string(&path) {
            Ok(text) => parsed(&path, ManagementKey::parse(&text)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn make_management_key(&self, id: u32) -> anyhow::Result<ManagementKey> {
        let (key, text) = ManagementKey::generate(id)?;
        write_private(&self.keys().join(CURRENT), text.as_bytes())?;
        Ok(key)
    }

    /// Every retired key with its file and that file's text; `until` is the end of those that have none.
    fn retired_keys(&self, until: Timestamp) -> anyhow::Result<Vec<(PathBuf, String, RetiredManagementKey)>> {
        let dir = self.keys();
        let unreadable = |path: &Path| format!("cannot read {}", path.display());
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).with_context(|| unreadable(&dir))? {
            let name = entry.with_context(|| unreadable(&dir))?.file_name();
            let name = name.to_string_lossy();
            if !(name.starts_with(RETIRED.0) && name.ends_with(RETIRED.1)) {
                continue;
            }
            let path = dir.join(&*name);
            let text = fs::read_to_string(&path).with_context(|| unreadable(&path))?;
            let key = parsed(&path, RetiredManagementKey::parse(&text, until))?;
            found.push((path, text, key));
        }
        Ok(found)
    }
}

fn parsed<T>(path: &Path, key: Result<T, KeyFileError>) -> anyhow::Result<T> {
    key.with_context(|| format!("cannot use {}", path.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use adit_model::{AccountId, TunnelId, TunnelKey};
    use adit_wire::management_token::{
        ManagementActor, ManagementClaims, ManagementResource, ManagementTokenError,
    };

    use super::*;
    use crate::config::Role;

    fn token(keys: &ManagementKeys, now: Timestamp) -> String {
        let tunnel = TunnelKey {
            account: AccountId::random(),
            tunnel: TunnelId::random(),
        };
        let actor = ManagementActor {
            id: "ada".to_owned(),
            support: false,
        };
        let resources = vec![ManagementResource::Logs];
        keys.sign(&ManagementClaims::new(tunnel, actor, resources, now))
            .unwrap()
    }

    fn check(keys: &ManagementKeys, token: &str, now: Timestamp) -> Result<(), ManagementTokenError> {
        let verifier = keys.verifier();
        verifier.verify(token, ManagementResource::Logs, now).map(drop)
    }

    const UNKNOWN: Result<(), ManagementTokenError> = Err(ManagementTokenError::UnknownKey);

    #[test]
    fn tokens_stay_good_over_rotations_unless_they_are_revoked() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        let now = Timestamp::from(SystemTime::now());
        let first = token(&dir.management_keys().unwrap(), now);
        let retired = || dir.retired_keys(now).unwrap();

        // The second one never signs: nobody starts between the two rotations.
        assert_eq!(dir.rotate_management_key(OldTokens::Keep).unwrap(), 2);
        assert_eq!(dir.rotate_management_key(OldTokens::Keep).unwrap(), 3);
        let keys = dir.management_keys().unwrap();
        let third = token(&keys, now);
        assert_eq!(
            (check(&keys, &first, now), check(&keys, &third, now)),
            (Ok(()), Ok(()))
        );
        assert_eq!(retired().len(), 2);
        for path in [dir.keys().join(CURRENT), retired()[0].0.clone()] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }

        assert_eq!(dir.rotate_management_key(OldTokens::Revoke).unwrap(), 4);
        let keys = dir.management_keys().unwrap();
        assert_eq!(
            (check(&keys, &first, now), check(&keys, &third, now)),
            (UNKNOWN, UNKNOWN)
        );
        assert!(retired().is_empty());
    }

    #[test]
    fn a_retired_key_gets_its_end_at_the_next_start_and_goes_after_it() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        let running = dir.management_keys().unwrap();
        dir.rotate_management_key(OldTokens::Keep).unwrap();
        // It runs on with the old key for long; what it signs last is good after the next start.
        let path = dir.retired_keys(Timestamp::from(SystemTime::now())).unwrap()[0]
            .0
            .clone();
        assert!(!fs::read_to_string(&path).unwrap().contains("Until"));
        let now = Timestamp::from(SystemTime::now());
        let late = token(&running, now);
        let keys = dir.management_keys().unwrap();
        assert_eq!(check(&keys, &late, now), Ok(()));

        // The start after that does not move the end.
        let text = fs::read_to_string(&path).unwrap();
        let until = RetiredManagementKey::parse(&text, now).unwrap().trusted_until();
        assert!(until > now);
        dir.management_keys().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);

        let past = text.replace(&until.to_string(), "2020-01-01T00:00:00Z");
        fs::write(&path, past).unwrap();
        assert_eq!(check(&dir.management_keys().unwrap(), &late, now), UNKNOWN);
        assert!(!path.exists());
    }

    #[test]
    fn a_rotation_that_ended_half_way_retires_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        let now = Timestamp::from(SystemTime::now());
        let first = token(&dir.management_keys().unwrap(), now);
        let old = fs::read(dir.keys().join(CURRENT)).unwrap();
        dir.rotate_management_key(OldTokens::Keep).unwrap();
        fs::write(dir.keys().join(CURRENT), old).unwrap();

        let keys = dir.management_keys().unwrap();
        assert_eq!(check(&keys, &first, now), Ok(()));
        let (_, text, _) = dir.retired_keys(now).unwrap().remove(0);
        assert!(
            !text.contains("Until"),
            "its end comes with the rotation that it is for"
        );
    }

    #[test]
    fn very_many_rotations_within_an_hour_are_refused_until_old_tokens_are_given_up() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        dir.management_keys().unwrap();
        for _ in 0..MAX_RETIRED {
            dir.rotate_management_key(OldTokens::Keep).unwrap();
        }
        let error = dir
            .rotate_management_key(OldTokens::Keep)
            .unwrap_err()
            .to_string();
        assert!(error.contains("--revoke"), "{error}");
        assert!(dir.rotate_management_key(OldTokens::Revoke).is_ok());
        assert!(dir.rotate_management_key(OldTokens::Keep).is_ok());
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        fs::write(dir.keys().join(CURRENT), "damaged").unwrap();
        for outcome in [
            dir.management_keys().map(drop),
            dir.rotate_management_key(OldTokens::Keep).map(drop),
        ] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("management.key"), "{error}");
        }
        assert_eq!(fs::read_to_string(dir.keys().join(CURRENT)).unwrap(), "damaged");
    }
}
