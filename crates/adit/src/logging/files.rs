//! Log files: one that grows (`--logfile`), or a directory in which the newest lines are kept (`--log-directory`).

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use adit_model::Timestamp;

/// How large a file of a directory grows.
const MOST_BYTES: u64 = 1 << 20;
/// How many full files of a directory are kept beside the one that is written.
const KEPT: usize = 5;

/// Opens a file at its end; makes it, and its directory, if it is not there.
pub(super) fn growing(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_directory(directory)?;
    }
    append(path, 0o644)
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o744).create(path)
}

fn append(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(mode).open(path)
}

/// `NAME.log` of a directory. When it is full it is renamed after the time, and a new one begins.
#[derive(Debug)]
pub(super) struct Rolling {
    directory: PathBuf,
    name: String,
    file: File,
    length: u64,
}

impl Rolling {
    /// Goes on with the file that is there.
    pub(super) fn open(directory: &Path, name: &str) -> io::Result<Self> {
        make_directory(directory)?;
        let file = append(&directory.join(format!("{name}.log")), 0o600)?;
        Ok(Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
            length: file.metadata()?.len(),
            file,
        })
    }

    fn roll(&mut self, now: SystemTime) -> io::Result<()> {
        let path = self.directory.join(format!("{}.log", self.name));
        fs::rename(&path, self.directory.join(full_name(&self.name, now)))?;
        self.file = append(&path, 0o600)?;
        self.length = 0;
        self.forget_the_oldest()
    }

    fn forget_the_oldest(&self) -> io::Result<()> {
        let prefix = format!("{}-", self.name);
        let mut full: Vec<_> = fs::read_dir(&self.directory)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix) && name.ends_with(".log"))
            .collect();
        full.sort_unstable();
        full.iter()
            .rev()
            .skip(KEPT)
            .try_for_each(|name| fs::remove_file(self.directory.join(name)))
    }
}

/// `cloudflared-2026-08-14T09-00-00.000.log`: by name is by time.
fn full_name(name: &str, time: SystemTime) -> String {
    let time = Timestamp::from(time).to_string().replace(':', "-");
    let (seconds, fraction) = time.trim_end_matches('Z').split_once('.').unwrap_or((&time, ""));
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{name}-{seconds}.{millis}.log")
}

impl Write for Rolling {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let more = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.length > 0 && self.length.saturating_add(more) > MOST_BYTES {
            // Where a file cannot be renamed, the one that is there grows on: better than no lines.
            let _ = self.roll(SystemTime::now());
        }
        let written = self.file.write(lines)?;
        self.length += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_are_forgotten() {
        let home = tempfile::TempDir::new().unwrap();
        let directory = home.path().join("a/b");
        let mut log = Rolling::open(&directory, "cloudflared").unwrap();
        for hour in 0..8 {
            log.write_all(b"line\n").unwrap();
            log.roll(SystemTime::UNIX_EPOCH + Duration::from_secs(3600 * hour))
                .unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 6);
        assert_eq!(names[0], "cloudflared-1970-01-01T03-00-00.000.log");
        assert_eq!(names[5], "cloudflared.log");
    }

    #[test]
    fn a_file_is_full_at_one_mebibyte() {
        let home = tempfile::TempDir::new().unwrap();
        let line = [b'x'; 1 << 16];
        for _ in 0..2 {
            let mut log = Rolling::open(home.path(), "adit").unwrap();
            for _ in 0..9 {
                log.write_all(&line).unwrap();
            }
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
        assert_eq!(fs::metadata(home.path().join("adit.log")).unwrap().len(), 2 << 16);
    }

    #[test]
    fn a_growing_file_goes_on_where_it_ended() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("logs/one.log");
        for _ in 0..2 {
            growing(&path).unwrap().write_all(b"line\n").unwrap();
        }
        assert_eq!(fs::read_to_string(path).unwrap(), "line\nline\n");
    }
}
