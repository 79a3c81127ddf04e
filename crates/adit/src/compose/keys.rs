//! Keys and certificates: made at the first start, kept in the data directory.

use std::fs;

use adit_edge::certificates::{Authority, CertificateError, LeafKey};
use adit_net::quic::QuicKeys;
use adit_store::StoreKeys;
use adit_wire::management_token::ManagementKeys;
use anyhow::Context;

use crate::data_dir::{DataDir, file::write_private};

/// Everything secret that the parts need.
pub(super) struct Keys {
    pub(super) store: StoreKeys,
    pub(super) quic: QuicKeys,
    pub(super) authority: Authority,
    pub(super) leaf: LeafKey,
    pub(super) management: ManagementKeys,
    /// The hub's private WireGuard key.
    pub(super) mesh: [u8; 32],
}

impl Keys {
    /// Reads the keys; makes those that are missing. Writes the CA's certificate and the bundle beside them.
    pub(super) fn open(dir: &DataDir) -> anyhow::Result<Self> {
        let store = StoreKeys::new(dir.key("secrets.key")?);
        let quic = QuicKeys::from_bytes(&dir.key::<{ QuicKeys::LEN }>("quic.key")?)?;
        let authority = authority(dir)?;
        let leaf = leaf_key(dir)?;
        let management = dir.management_keys()?;
        let mesh = dir.key("mesh.key")?;
        dir.write_ca_bundle()?;
        Ok(Self {
            store,
            quic,
            authority,
            leaf,
            management,
            mesh,
        })
    }
}

/// The key is written before the certificate: a start that ends between the two makes both anew.
fn authority(dir: &DataDir) -> anyhow::Result<Authority> {
    let (certificate_path, key_path) = (dir.ca_certificate(), dir.keys().join("ca.key"));
    if !certificate_path.exists() {
        let (authority, key) = Authority::create().context("cannot make the CA")?;
        write_private(&key_path, key.as_bytes())?;
        write_private(&certificate_path, authority.pem().as_bytes())?;
        return Ok(authority);
    }
    let certificate = read(&certificate_path)?;
    let key = read(&key_path)?;
    Authority::from_pem(&certificate, &key).with_context(|| {
        format!(
            "cannot use {} with {}",
            certificate_path.display(),
            key_path.display()
        )
    })
}

fn leaf_key(dir: &DataDir) -> anyhow::Result<LeafKey> {
    let path = dir.keys().join("edge.key");
    if path.exists() {
        let pem = read(&path)?;
        return LeafKey::from_pem(&pem).with_context(|| format!("cannot use {}", path.display()));
    }
    let (key, pem): (LeafKey, String) = LeafKey::create()
        .map_err(|error: CertificateError| anyhow::Error::new(error).context("cannot make a key"))?;
    write_private(&path, pem.as_bytes())?;
    Ok(key)
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn keys_are_made_once_and_kept() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        let first = Keys::open(&dir).unwrap();
        let second = Keys::open(&dir).unwrap();
        assert_eq!(first.authority.pem(), second.authority.pem());
        assert_eq!(first.quic.to_bytes(), second.quic.to_bytes());
        assert!(
            fs::read_to_string(dir.ca_bundle())
                .unwrap()
                .ends_with(first.authority.pem())
        );
    }

    #[test]
    fn a_foreign_ca_key_is_refused_by_name() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        Keys::open(&dir).unwrap();
        let (_, other) = Authority::create().unwrap();
        fs::write(dir.keys().join("ca.key"), other).unwrap();
        let error = Keys::open(&dir).err().unwrap().to_string();
        assert!(error.contains("ca.key"), "{error}");
    }
}
