//! Certificates that the operator keeps as files, read again when they change.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use adit_model::{HostPattern, Hostname};
use adit_net::tls::{Identity, TlsConfigError};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use tracing::{error, info, warn};
use x509_parser::{extensions::GeneralName, prelude::X509Certificate};

use super::{
    CertificateSource,
    pairs::{self, Pair, Stamp},
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(3);
/// A file that is larger is no certificate.
const MOST_BYTES: u64 = 1 << 20;

/// Why a folder of certificates cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the certificates in {}", path.display())]
pub struct FolderError {
    /// The folder, or the one below it.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub cause: io::Error,
}

/// Why a certificate is not served. Never holds key material.
#[derive(Debug, thiserror::Error)]
enum PairError {
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: io::Error },
    #[error("{} is larger than a certificate or a key is", .0.display())]
    TooLarge(PathBuf),
    #[error("the certificate and its key cannot be used together: {}", said(.0))]
    Unusable(TlsConfigError),
    #[error("the certificate names no host")]
    NoName,
}

fn said(error: &TlsConfigError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// A certificate and the names that it is good for.
#[derive(Clone)]
struct Kept {
    names: Vec<HostPattern>,
    certificate: Arc<CertifiedKey>,
    /// When it ends, seconds of Unix time.
    until: i64,
}

/// What became of a pair of files.
struct Seen {
    stamp: Stamp,
    /// The newest that could be used.
    kept: Option<Kept>,
    /// Not there when last looked for: a renewal may be under way.
    missing: bool,
}

/// The certificates of a folder, by name.
type ByName = HashMap<HostPattern, Kept>;

/// The certificates in a folder and below it.
pub(crate) struct CertificateFolder {
    folder: PathBuf,
    seen: Mutex<BTreeMap<Pair, Seen>>,
    by_name: ArcSwap<ByName>,
}

impl CertificateFolder {
    /// Reads a folder. A certificate that cannot be used is said in the log; others are served.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, FolderError> {
        let this = Self {
            folder,
            seen: Mutex::default(),
            by_name: ArcSwap::default(),
        };
        this.look()?;
        let certificates = this
            .seen
            .lock()
            .values()
            .filter(|seen| seen.kept.is_some())
            .count();
        info!(folder = %this.folder.display(), certificates, "certificates read");
        Ok(this)
    }

    /// Looks at the folder now and then, for ever. What cannot be used changes nothing, and is said once.
    pub(crate) async fn keep_looking(self: Arc<Self>) {
        let mut failing = false;
        loop {
            tokio::time::sleep(LOOK).await;
            let this = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || this.look()).await;
            let Ok(looked) = looked else { return };
            if let Err(FolderError { path, cause }) = &looked
                && !failing
            {
                error!(folder = %path.display(), error = %cause, "cannot read certificates; those that were read stay");
            }
            failing = looked.is_err();
        }
    }

    /// Reads what has changed.
    fn look(&self) -> Result<(), FolderError> {
        let found = pairs::in_folder(&self.folder).map_err(|(path, cause)| FolderError { path, cause })?;
        let mut seen = self.seen.lock();
        let mut changed = false;
        for pair in &found {
            changed |= read_again(pair, seen.entry(pair.clone()));
        }
        seen.retain(|pair, seen| {
            let gone = found.binary_search(pair).is_err();
            let keep = !gone || !seen.missing;
            if !keep && seen.kept.is_some() {
                info!(certificate = %pair.chain.display(), "certificate removed");
                changed = true;
            }
            seen.missing = gone;
            keep
        });
        if changed {
            self.by_name.store(Arc::new(by_name(seen.values())));
        }
        Ok(())
    }
}

impl CertificateSource for CertificateFolder {
    fn find(&self, host: &Hostname) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.load();
        let exact = by_name.get(&HostPattern::Exact(host.clone()));
        let wildcard = || {
            // A certificate's wildcard stands for one label.
            let (_, above) = host.as_str().split_once('.')?;
            by_name.get(&HostPattern::Below(above.parse().ok()?))
        };
        exact.or_else(wildcard).map(|kept| Arc::clone(&kept.certificate))
    }
}

/// Reads a pair whose files have changed since they were seen; whether another certificate is served now.
fn read_again(pair: &Pair, entry: std::collections::btree_map::Entry<'_, Pair, Seen>) -> bool {
    let stamp = pair.stamp();
    let seen = entry.or_insert_with(|| Seen {
        stamp: Stamp::default(),
        kept: None,
        missing: false,
    });
    if seen.stamp == stamp {
        return false;
    }
    seen.stamp = stamp;
    match read(pair) {
        Ok(Some(kept)) => {
            if kept.until < now() {
                warn!(certificate = %pair.chain.display(), "the certificate has expired");
            }
            seen.kept = Some(kept);
            true
        }
        Ok(None) => seen.kept.take().is_some(),
        Err(error) => {
            error!(
                certificate = %pair.chain.display(), key = %pair.key.display(), %error,
                earlier = if seen.kept.is_some() { "stays" } else { "none" }, "cannot use a certificate"
            );
            false
        }
    }
}

/// Reads a pair; `None` for a file that has no key in it, and so is another's chain.
fn read(pair: &Pair) -> Result<Option<Kept>, PairError> {
    let (chain, key) = (bytes(&pair.chain)?, bytes(&pair.key)?);
    if pair.chain == pair.key && !chain.windows(KEY_LABEL.len()).any(|window| window == KEY_LABEL) {
        return Ok(None);
    }
    let identity = Identity::from_pem(&chain, &key).map_err(PairError::Unusable)?;
    let certificate = identity.certified_key();
    let leaf = certificate.cert.first().ok_or(PairError::NoName)?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|_| PairError::NoName)?;
    let names = names(&parsed);
    if names.is_empty() {
        return Err(PairError::NoName);
    }
    let until = parsed.validity().not_after.timestamp();
    drop(parsed);
    Ok(Some(Kept {
        names,
        certificate,
        until,
    }))
}

/// How each kind of private key ends its first line.
const KEY_LABEL: &[u8] = b"PRIVATE KEY-----";

fn bytes(path: &Path) -> Result<Vec<u8>, PairError> {
    let unreadable = |cause| PairError::Unreadable {
        path: path.to_owned(),
        cause,
    };
    if fs::metadata(path).map_err(unreadable)?.len() > MOST_BYTES {
        return Err(PairError::TooLarge(path.to_owned()));
    }
    fs::read(path).map_err(unreadable)
}

/// The host names that a certificate is for; others, such as addresses, are nothing that a client asks for by name.
fn names(certificate: &X509Certificate<'_>) -> Vec<HostPattern> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = alternatives.value.general_names.iter();
    names
        .filter_map(|name| {
            let GeneralName::DNSName(name) = name else {
                return None;
            };
            name.parse().ok()
        })
        .collect()
}

/// Of several certificates for a name, the one that ends last.
fn by_name<'s>(seen: impl Iterator<Item = &'s Seen>) -> ByName {
    let mut by_name = ByName::new();
    for kept in seen.filter_map(|seen| seen.kept.as_ref()) {
        for name in &kept.names {
            let longer = by_name.get(name).is_none_or(|other| other.until < kept.until);
            if longer {
                by_name.insert(name.clone(), kept.clone());
            }
        }
    }
    by_name
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl std::fmt::Debug for CertificateFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateFolder")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
