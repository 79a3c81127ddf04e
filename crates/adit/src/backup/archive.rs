//! A backup as a tar archive: the manifest first, then each file that it names, in its order and nothing else.
//!
//! Reading takes plain entries only, and each only if name, size and SHA-256 are those of the manifest, so that an
//! archive that was cut, changed or made by somebody else is refused before anything of it is used.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use adit_model::Timestamp;
use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::manifest::{Entry, Kept, MANIFEST, MAX_SMALL_FILE, Manifest, Name};
use crate::data_dir::private_dir;

/// A file that goes into a backup.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Name,
    pub(super) path: PathBuf,
}

/// Writes a new archive, readable by its owner alone, and makes it durable.
pub(super) fn write(
    file: &Path,
    database: Kept,
    made_at: Timestamp,
    sources: &[Source],
) -> anyhow::Result<()> {
    let entries = sources.iter().map(|source| {
        let entry = described(source);
        entry.with_context(|| format!("cannot read {}", source.path.display()))
    });
    let manifest = Manifest::new(database, made_at, entries.collect::<Result<_, _>>()?);
    let text = serde_json::to_vec_pretty(&manifest)?;
    let new = new_private(file).with_context(|| format!("cannot make {}", file.display()))?;
    let mut archive = Builder::new(BufWriter::new(new));
    let seconds = u64::try_from(made_at.unix_micros() / 1_000_000).unwrap_or_default();
    append(
        &mut archive,
        MANIFEST,
        text.len() as u64,
        seconds,
        text.as_slice(),
    )?;
    for (source, entry) in sources.iter().zip(&manifest.files) {
        // A file that changed meanwhile has another digest than the manifest says; one that shrank ends this.
        let content = File::open(&source.path)?.take(entry.bytes);
        append(&mut archive, entry.name.as_str(), entry.bytes, seconds, content)?;
    }
    let file = archive
        .into_inner()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}

fn described(source: &Source) -> io::Result<Entry> {
    let mut content = File::open(&source.path)?;
    let (bytes, sha256) = copy(&mut content, io::sink())?;
    Ok(Entry {
        name: source.name.clone(),
        bytes,
        sha256,
    })
}

fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    bytes: u64,
    seconds: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(seconds);
    archive.append_data(&mut header, name, content)
}

/// Unpacks an archive into an existing empty directory, every file durable and its owner's alone.
pub(super) fn unpack(archive: impl Read, into: &Path) -> anyhow::Result<Manifest> {
    let mut archive = Archive::new(archive);
    // Raw: entries that only change how the next one is read are refused with every other kind.
    let mut entries = archive.entries().context("this is no backup of Adit")?.raw(true);
    let first = entries.next().context("this is no backup of Adit: it is empty")?;
    let mut text = Vec::new();
    let mut first = plain(first, MANIFEST)?;
    ensure!(
        first.size() <= MAX_SMALL_FILE,
        "the backup's manifest is too large"
    );
    first.read_to_end(&mut text).context("the backup is cut short")?;
    let manifest = Manifest::parse(&text)?;
    private_dir(&into.join("keys"))?;
    for file in &manifest.files {
        let entry = entries
            .next()
            .with_context(|| format!("the backup ends before {}", file.name))?;
        let mut entry = plain(entry, file.name.as_str())?;
        ensure!(
            entry.size() == file.bytes,
            "{} has another size than the backup says",
            file.name
        );
        let path = into.join(file.name.as_str());
        let digest = unpack_entry(&mut entry, &path);
        let digest = digest.with_context(|| format!("cannot unpack {}", file.name))?;
        ensure!(digest == file.sha256, "{} is damaged in the backup", file.name);
    }
    ensure!(entries.next().is_none(), "the backup holds more than it says");
    Ok(manifest)
}

/// The entry, if it is a plain file of that name.
fn plain<'a, R: Read>(entry: io::Result<tar::Entry<'a, R>>, name: &str) -> anyhow::Result<tar::Entry<'a, R>> {
    let entry = entry.context("this is no backup of Adit, or it is cut short")?;
    if entry.header().entry_type() != EntryType::Regular || *entry.path_bytes() != *name.as_bytes() {
        bail!("the backup holds something else in the place of {name}");
    }
    Ok(entry)
}

fn unpack_entry(entry: &mut impl Read, path: &Path) -> io::Result<String> {
    let mut file = new_private(path)?;
    let (_, sha256) = copy(entry, &mut file)?;
    file.sync_all()?;
    Ok(sha256)
}

/// Copies everything; how many bytes, and their SHA-256.
fn copy(content: &mut impl Read, mut to: impl Write) -> io::Result<(u64, String)> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let length = content.read(&mut buffer)?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else {
            return Ok((bytes, hex::encode(digest.finalize())));
        };
        digest.update(part);
        bytes += part.len() as u64;
        to.write_all(part)?;
    }
}

fn new_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
