//! A backup as a tar archive: the manifest first, then each file that it names, in its order and nothing else.
//!
//! Reading takes plain entries only, and each only if name, size and SHA-256 are those of the manifest, so that an
//! archive that was cut, changed or made by somebody else is refused before anything of it is used.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use adit_model::Timestamp;
use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::manifest::{DATABASE, Entry, Kept, MANIFEST, MAX_SMALL_FILE, Manifest, Name};
use crate::data_dir::private_dir;

/// A file that goes into a backup.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Name,
    pub(super) path: PathBuf,
}

/// What an entry is written from.
enum Content {
    /// Read once, so that size and digest are of what is written.
    Small(Vec<u8>),
    /// A copy of the database, too large to keep: read again, and compared.
    Database(File),
}

/// Writes a new archive, readable by its owner alone, and makes it durable.
///
/// # Errors
/// Also if a restore would refuse the archive, or a file changes meanwhile.
pub(super) fn write(
    file: &Path,
    database: Kept,
    made_at: Timestamp,
    sources: &[Source],
) -> anyhow::Result<()> {
    let read = sources.iter().map(|source| {
        let read = read(source);
        read.with_context(|| format!("cannot read {}", source.path.display()))
    });
    let read = read.collect::<anyhow::Result<Vec<_>>>()?;
    pack(file, database, made_at, read)
}

fn pack(file: &Path, database: Kept, made_at: Timestamp, read: Vec<(Entry, Content)>) -> anyhow::Result<()> {
    let (entries, contents): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    let manifest = Manifest::new(database, made_at, entries);
    let text = serde_json::to_vec_pretty(&manifest)?;
    Manifest::parse(&text).context("no restore would take this backup")?;
    let new = new_private(file).with_context(|| format!("cannot make {}", file.display()))?;
    let mut archive = Builder::new(BufWriter::new(new));
    let seconds = u64::try_from(made_at.unix_micros() / 1_000_000).unwrap_or_default();
    let mut append = |name: &str, bytes, content: &mut dyn Read| {
        let appended = append(&mut archive, name, bytes, seconds, content);
        appended.with_context(|| format!("cannot write {name}"))
    };
    append(MANIFEST, text.len() as u64, &mut text.as_slice())?;
    for (entry, content) in manifest.files.iter().zip(contents) {
        match content {
            Content::Small(content) => append(entry.name.as_str(), entry.bytes, &mut content.as_slice())?,
            Content::Database(database) => {
                let mut content = Digesting::new(database.take(entry.bytes));
                append(entry.name.as_str(), entry.bytes, &mut content)?;
                let (bytes, sha256) = content.finish();
                let same = bytes == entry.bytes && sha256 == entry.sha256;
                ensure!(same, "{} changed while it was written", entry.name);
            }
        }
    }
    let file = archive
        .into_inner()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(())
}

fn read(source: &Source) -> anyhow::Result<(Entry, Content)> {
    let mut file = File::open(&source.path)?;
    let name = source.name.clone();
    if name.as_str() == DATABASE {
        let (bytes, sha256) = copy(&mut file, io::sink())?;
        file.rewind()?;
        return Ok((Entry { name, bytes, sha256 }, Content::Database(file)));
    }
    let mut content = Vec::new();
    let (bytes, sha256) = copy(&mut file.take(MAX_SMALL_FILE + 1), &mut content)?;
    ensure!(bytes <= MAX_SMALL_FILE, "it is larger than a file of Adit can be");
    Ok((Entry { name, bytes, sha256 }, Content::Small(content)))
}

fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    bytes: u64,
    seconds: u64,
    content: &mut dyn Read,
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
    let mut content = Digesting::new(content);
    io::copy(&mut content, &mut to)?;
    Ok(content.finish())
}

/// Counts and digests what is read through it.
struct Digesting<R> {
    content: R,
    bytes: u64,
    digest: Sha256,
}

impl<R: Read> Digesting<R> {
    fn new(content: R) -> Self {
        Self {
            content,
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    /// How many bytes, and their SHA-256 in hexadecimal digits.
    fn finish(self) -> (u64, String) {
        (self.bytes, hex::encode(self.digest.finalize()))
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        self.digest.update(read);
        self.bytes += read.len() as u64;
        Ok(length)
    }
}

fn new_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
