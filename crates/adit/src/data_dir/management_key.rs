//! `keys/management.key`, which signs management tokens, and its predecessor.

use std::{fs, io, time::SystemTime};

use adit_model::Timestamp;
use adit_wire::management_token::{
    KeyFileError, LIFETIME, ManagementKey, ManagementKeys, RetiredManagementKey,
};
use anyhow::Context;

use super::{DataDir, file::write_private};

const CURRENT: &str = "management.key";
/// The public half of the key before it, with the time until which its tokens are good.
const RETIRED: &str = "management.old.key";

/// What becomes of the tokens that the old key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldTokens {
    /// They stay good until they expire, an hour later at the latest.
    Keep,
    /// They are worthless.
    Revoke,
}

impl DataDir {
    /// The keys of management tokens; the first one is made when first asked for.
    ///
    /// # Errors
    /// Names the file that cannot be read, written or understood.
    pub(crate) fn management_keys(&self) -> anyhow::Result<ManagementKeys> {
        let signing = match self.management_key()? {
            Some(key) => key,
            None => self.make_management_key(1)?,
        };
        let retired = self.read_key_file(RETIRED, RetiredManagementKey::parse)?;
        Ok(ManagementKeys::new(signing, retired))
    }

    /// Makes the key that signs from the next start on, and gives its number.
    ///
    /// # Errors
    /// As [`DataDir::management_keys`].
    pub(crate) fn rotate_management_key(&self, old_tokens: OldTokens) -> anyhow::Result<u32> {
        let Some(old) = self.management_key()? else {
            return Ok(self.make_management_key(1)?.id());
        };
        let retired = self.keys().join(RETIRED);
        match old_tokens {
            // Before the old key goes: a rotation that ends between the two leaves one key in both files.
            OldTokens::Keep => {
                let until = Timestamp::from(SystemTime::now() + LIFETIME);
                write_private(&retired, old.retire(until).as_bytes())?;
            }
            OldTokens::Revoke => match fs::remove_file(&retired) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", retired.display()));
                }
                _ => {}
            },
        }
        Ok(self.make_management_key(old.id().saturating_add(1))?.id())
    }

    fn management_key(&self) -> anyhow::Result<Option<ManagementKey>> {
        self.read_key_file(CURRENT, ManagementKey::parse)
    }

    fn make_management_key(&self, id: u32) -> anyhow::Result<ManagementKey> {
        let (key, text) = ManagementKey::generate(id)?;
        write_private(&self.keys().join(CURRENT), text.as_bytes())?;
        Ok(key)
    }

    fn read_key_file<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, KeyFileError>,
    ) -> anyhow::Result<Option<T>> {
        let path = self.keys().join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let key = parse(&text).with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Some(key))
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

    #[test]
    fn the_key_is_made_once_and_a_rotation_keeps_its_tokens_good_if_asked() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        let now = Timestamp::from(SystemTime::now());
        let first = token(&dir.management_keys().unwrap(), now);
        let check = |token: &str| {
            let verifier = dir.management_keys().unwrap().verifier();
            verifier.verify(token, ManagementResource::Logs, now).map(drop)
        };
        assert_eq!(check(&first), Ok(()));
        let mode = |name| {
            let file = fs::metadata(dir.keys().join(name)).unwrap();
            file.permissions().mode() & 0o777
        };
        assert_eq!(mode(CURRENT), 0o600);

        assert_eq!(dir.rotate_management_key(OldTokens::Keep).unwrap(), 2);
        let second = token(&dir.management_keys().unwrap(), now);
        assert_eq!((check(&first), check(&second)), (Ok(()), Ok(())));
        assert_eq!(mode(RETIRED), 0o600);

        assert_eq!(dir.rotate_management_key(OldTokens::Revoke).unwrap(), 3);
        let unknown = Err(ManagementTokenError::UnknownKey);
        assert_eq!((check(&first), check(&second)), (unknown, unknown));
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
