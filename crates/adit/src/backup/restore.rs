//! `adit restore FILE`: a backup becomes the data directory.
//!
//! Everything is unpacked and checked in `restore.checking` first; until then nothing else in the directory is touched.
//! While files move to their places that directory is called `restore.moving`, and a server refuses to start beside it.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
    time::SystemTime,
};

use adit_model::Timestamp;
use adit_store::{StoreKeys, check_copy};
use anyhow::Context;

use super::{
    archive, locate,
    manifest::{CONFIG, DATABASE, Kept, Manifest},
};
use crate::{
    compose::refused,
    config::{Settings, StoreUrl},
    data_dir::{DataDir, MOVING, private_dir, sync_dir},
    failure::Failure,
    output,
};

const CHECKING: &str = "restore.checking";
/// What `--force` moves aside goes to a directory with this and the time in its name.
const ASIDE: &str = "before-restore-";

/// What to restore, and where to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RestoreArgs {
    /// A file that `adit backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The data directory, new or empty [default: $XDG_DATA_HOME/adit]
    #[arg(long, value_name = "DIR", env = "ADIT_DATA_DIR", hide_env_values = true)]
    data_dir: Option<PathBuf>,
    /// Move what the data directory holds aside first, into `before-restore-<time>` within it
    #[arg(long)]
    force: bool,
}

impl RestoreArgs {
    /// Restores the backup. No server may run with the data directory.
    ///
    /// # Errors
    /// Says what is wrong with the backup or in the way; what the data directory held is then untouched, unless the
    /// message says otherwise.
    pub(crate) async fn run(&self) -> Result<(), Failure> {
        let name = self.file.display();
        let backup = File::open(&self.file).with_context(|| format!("cannot read {name}"));
        let backup = backup.map_err(Failure::failed)?;
        let configured = self.data_dir.as_deref();
        let dir = locate(configured.filter(|path| !path.as_os_str().is_empty()))?;
        let _lock = dir.claim().map_err(refused)?;
        let in_the_way = occupants(&dir).map_err(Failure::failed)?;
        if !in_the_way.is_empty() && !self.force {
            let sentence = format!("{} is not empty", dir.path().display());
            return Err(Failure::because(sentence)
                .hint("name a new --data-dir, or add --force, which moves what is there aside"));
        }
        let checking = dir.path().join(CHECKING);
        let checked = check(&backup, &checking).await;
        let checked = checked.with_context(|| format!("cannot restore {name}: nothing was changed"));
        let manifest = match checked {
            Ok(manifest) => manifest,
            Err(error) => {
                drop(fs::remove_dir_all(&checking));
                return Err(Failure::failed(error));
            }
        };
        let aside = put_in_place(&dir, &checking, &in_the_way)
            .with_context(|| {
                let dir = dir.path().display();
                format!(
                    "the restore into {dir} stopped half way: remove the cause and run it again with --force"
                )
            })
            .map_err(Failure::failed)?;
        tell(&dir, &manifest, aside.as_deref())
    }
}

/// Unpacks the backup and looks at everything in it.
async fn check(backup: &File, checking: &Path) -> anyhow::Result<Manifest> {
    match fs::remove_dir_all(checking) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    private_dir(checking)?;
    let manifest = archive::unpack(BufReader::new(backup), checking)?;
    let key: [u8; 32] = fs::read(checking.join("keys/secrets.key"))?
        .try_into()
        .map_err(|_| anyhow::anyhow!("keys/secrets.key has the wrong length"))?;
    if let Kept::Sqlite { .. } = manifest.database {
        check_copy(&checking.join(DATABASE), &StoreKeys::new(key)).await?;
    }
    Ok(manifest)
}

/// What a data directory holds besides its lock and what restores leave: a running start would use it.
fn occupants(dir: &DataDir) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in read_dir(dir.path())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_restores = name == CHECKING || name.starts_with(ASIDE);
        let empty_keys = path == dir.keys() && read_dir(&path)?.is_empty();
        if !(of_restores || empty_keys || path == dir.lock_file()) {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn read_dir(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?)
}

/// Moves the old aside and the new in, the database last. From the first move to the last the directory is marked as
/// half restored.
fn put_in_place(dir: &DataDir, checking: &Path, old: &[PathBuf]) -> anyhow::Result<Option<PathBuf>> {
    let now = Timestamp::from(SystemTime::now()).unix_micros();
    let aside = (!old.is_empty()).then(|| dir.path().join(format!("{ASIDE}{now}")));
    let moving = dir.path().join(MOVING);
    if let Some(aside) = &aside {
        private_dir(aside)?;
        // What a restore before this one left goes, too; its directory stays, empty, until it is replaced.
        if moving.exists() {
            let left = aside.join(MOVING);
            private_dir(&left)?;
            move_all(&read_dir(&moving)?, &left)?;
        }
    }
    fs::rename(checking, &moving)?;
    sync_dir(Some(dir.path()))?;
    if let Some(aside) = &aside {
        let old: Vec<PathBuf> = old.iter().filter(|path| **path != moving).cloned().collect();
        move_all(&old, aside)?;
        sync_dir(Some(dir.path()))?;
    }
    private_dir(&dir.keys())?;
    let mut files = [read_dir(&moving.join("keys"))?, read_dir(&moving)?].concat();
    files.retain(|path| path.is_file());
    files.sort_by_key(|path| path.ends_with(DATABASE));
    for path in files {
        let name = path.strip_prefix(&moving)?;
        let name = if name == Path::new(CONFIG) {
            Path::new(RESTORED_CONFIG)
        } else {
            name
        };
        fs::rename(&path, dir.path().join(name))?;
    }
    sync_dir(Some(&dir.keys()))?;
    sync_dir(Some(dir.path()))?;
    fs::remove_dir_all(&moving)?;
    sync_dir(Some(dir.path()))?;
    Ok(aside)
}

fn move_all(paths: &[PathBuf], into: &Path) -> io::Result<()> {
    for path in paths {
        fs::rename(path, into.join(path.file_name().unwrap_or_default()))?;
    }
    sync_dir(Some(into))
}

/// The configuration as it was; nobody reads it from there.
const RESTORED_CONFIG: &str = "config.restored.toml";

fn tell(dir: &DataDir, manifest: &Manifest, aside: Option<&Path>) -> Result<(), Failure> {
    let place = dir.path().display();
    let mut text = format!(
        "restored to {place}: the backup of {} by Adit {}\n",
        manifest.made_at, manifest.adit
    );
    if let Some(aside) = aside {
        text.push_str(&format!("what was there before is in {}\n", aside.display()));
    }
    let config = dir.path().join(RESTORED_CONFIG);
    let has_config = config.exists();
    if has_config {
        text.push_str(&format!(
            "the configuration file is {}: put it where you keep yours\n",
            config.display()
        ));
    }
    output::result(&text)?;
    // A version that wrote another file is no reason to fail now.
    let configured = Settings::of_file(&config).ok().filter(|_| has_config);
    let configured = configured.and_then(|settings| settings.store_url);
    if let Some(note) = about_the_store(manifest.database, &dir.database(), configured.as_ref()) {
        output::note(&note);
    }
    Ok(())
}

/// What is left to do so that a start finds the state, if anything.
fn about_the_store(kept: Kept, restored: &Path, configured: Option<&StoreUrl>) -> Option<String> {
    let restored = restored.display();
    match (kept, configured) {
        (Kept::Postgres, Some(StoreUrl::Postgres(_))) => Some(
            "the database is not in this backup: restore it into PostgreSQL with `pg_restore`, and see that store.url in \
             the configuration names that database before you start Adit"
                .to_owned(),
        ),
        (Kept::Postgres, _) => Some(
            "the database is not in this backup: restore it into PostgreSQL with `pg_restore`, then start with \
             --store-url or store.url naming that database; without it Adit would begin with an empty one"
                .to_owned(),
        ),
        (Kept::Sqlite { .. }, Some(StoreUrl::Postgres(_))) => Some(format!(
            "the restored database is {restored}, but store.url in the configuration names PostgreSQL: take that key out, \
             or Adit will use that database"
        )),
        (Kept::Sqlite { .. }, Some(StoreUrl::Sqlite(path))) => Some(format!(
            "the restored database is {restored}, but store.url in the configuration names {}: take that key out, or move \
             the database there",
            path.display()
        )),
        (Kept::Sqlite { .. }, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    #[test]
    fn whoever_restores_is_told_when_a_start_would_look_for_the_state_elsewhere() {
        let note = |kept, configured: Option<StoreUrl>| {
            about_the_store(kept, Path::new("/data/adit.db"), configured.as_ref())
        };
        let sqlite = Kept::Sqlite { schema: 1 };
        let postgres = || Some(StoreUrl::Postgres("postgres://adit:hunter2@db/adit".to_owned()));
        let file = || Some(StoreUrl::Sqlite("/elsewhere.db".into()));
        assert_eq!(note(sqlite, None), None);
        for (kept, configured, says) in [
            (sqlite, postgres(), "/data/adit.db, but store.url"),
            (sqlite, file(), "names /elsewhere.db"),
            (
                Kept::Postgres,
                postgres(),
                "see that store.url in the configuration",
            ),
            (Kept::Postgres, file(), "--store-url or store.url naming"),
            (Kept::Postgres, None, "--store-url or store.url naming"),
        ] {
            let note = note(kept, configured).unwrap();
            assert!(note.contains(says) && !note.contains("hunter2"), "{note}");
        }
    }

    #[test]
    fn the_directory_is_marked_before_the_first_old_file_moves() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(parent.path()), Role::Up, |_| None).unwrap();
        let _lock = dir.claim().unwrap();
        fs::write(dir.database(), "old").unwrap();
        let checking = dir.path().join(CHECKING);
        private_dir(&checking.join("keys")).unwrap();
        fs::write(checking.join(DATABASE), "new").unwrap();

        let missing = dir.path().join("missing");
        assert!(put_in_place(&dir, &checking, &[dir.database(), missing]).is_err());
        assert!(!dir.database().exists(), "it has been moved aside");
        assert!(dir.refuse_half_restored().is_err());
        assert_eq!(fs::read(dir.path().join(MOVING).join(DATABASE)).unwrap(), b"new");
    }
}
