//! `adit backup FILE` and `adit restore FILE`: everything durable in one file.
//!
//! What is in the file is in [`manifest`]; [`archive`] writes it and reads it back, trusting nothing in it; `restore`
//! puts it in place. A database of PostgreSQL is not in it: its own tools copy that.

mod archive;
mod manifest;
mod restore;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use adit_model::Timestamp;
use adit_store::copy_database;
use anyhow::Context;

pub(crate) use self::restore::RestoreArgs;
use self::{
    archive::Source,
    manifest::{Kept, Name},
};
use crate::{
    compose::refused,
    config::{Role, StateFlags, StoreUrl},
    data_dir::{
        DataDir,
        run_file::{RunFile, StorePlace},
        sync_dir,
    },
    failure::Failure,
    output,
};

/// What to back up, and where to.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it is as secret as the data directory
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    state: StateFlags,
}

impl BackupArgs {
    /// Writes the backup. The server may run.
    ///
    /// # Errors
    /// Says what could not be read or written; FILE is then as it was.
    pub(crate) async fn run(&self) -> Result<(), Failure> {
        let settings = self.state.settings()?;
        let dir = locate(settings.data_dir.as_deref())?;
        if !dir.exists() {
            let sentence = format!("{} is no data directory of Adit", dir.path().display());
            return Err(Failure::because(sentence).hint("name another with --data-dir"));
        }
        dir.refuse_half_restored().map_err(refused)?;
        if !self.force && self.file.symlink_metadata().is_ok() {
            let sentence = format!("{} exists already", self.file.display());
            return Err(Failure::because(sentence).hint("name another file, or add --force"));
        }
        let store = store(settings.store_url, &dir)?;
        let written = write_to(&self.file, &dir, &store, self.state.config()).await;
        let kept = written
            .with_context(|| {
                format!(
                    "cannot back up {} to {}",
                    dir.path().display(),
                    self.file.display()
                )
            })
            .map_err(Failure::failed)?;
        let what = match kept {
            Kept::Sqlite { schema } => format!("database (schema {schema}), keys and certificates"),
            Kept::Postgres => "keys and certificates, NOT the database".to_owned(),
        };
        output::result(&format!("backed up to {}: {what}\n", self.file.display()))?;
        if kept == Kept::Postgres {
            output::note(
                "the database is PostgreSQL's: copy it with `pg_dump --format=custom`, and keep both copies together",
            );
        }
        Ok(())
    }
}

/// Writes the backup beside its place and moves it there.
async fn write_to(
    file: &Path,
    dir: &DataDir,
    store: &StorePlace,
    config: Option<&Path>,
) -> anyhow::Result<Kept> {
    let work = Partial::beside(file)?;
    let kept = write(&work, dir, store, config).await?;
    fs::rename(&work.archive, file)?;
    sync_dir(file.parent())?;
    Ok(kept)
}

async fn write(
    work: &Partial,
    dir: &DataDir,
    store: &StorePlace,
    config: Option<&Path>,
) -> anyhow::Result<Kept> {
    let mut sources = Vec::new();
    let mut add = |name: Option<Name>, path: PathBuf| -> anyhow::Result<()> {
        let name =
            name.with_context(|| format!("{} has a name that is not one of Adit's", path.display()))?;
        sources.push(Source { name, path });
        Ok(())
    };
    let kept = match store {
        StorePlace::Sqlite(file) => {
            let schema = copy_database(file, &work.database).await?;
            add(Name::parse(manifest::DATABASE), work.database.clone())?;
            Kept::Sqlite { schema }
        }
        StorePlace::Postgres => Kept::Postgres,
    };
    for path in [dir.ca_certificate(), dir.login_certificate()] {
        add(
            path.file_name().and_then(|name| Name::parse(name.to_str()?)),
            path,
        )?;
    }
    let keys = fs::read_dir(dir.keys()).with_context(|| format!("cannot read {}", dir.keys().display()))?;
    for entry in keys {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        // A key that is being written has a name of its own until it is whole.
        if name.is_some_and(|name| name.ends_with(".new")) {
            continue;
        }
        add(name.and_then(|name| Name::parse(&format!("keys/{name}"))), path)?;
    }
    if let Some(path) = config {
        add(Name::parse(manifest::CONFIG), path.to_owned())?;
    }
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    archive::write(&work.archive, kept, Timestamp::from(SystemTime::now()), &sources)?;
    Ok(kept)
}

/// Where the state is: as told now, or as the running server says, or in the data directory.
fn store(told: Option<StoreUrl>, dir: &DataDir) -> Result<StorePlace, Failure> {
    if let Some(told) = told {
        return Ok(StorePlace::of(&told));
    }
    let run = RunFile::read(dir).map_err(Failure::failed)?;
    let place = run.and_then(|run| run.store);
    Ok(place.unwrap_or_else(|| StorePlace::Sqlite(dir.database())))
}

fn locate(configured: Option<&Path>) -> Result<DataDir, Failure> {
    DataDir::locate(configured, Role::Up, |name| std::env::var_os(name)).map_err(Failure::failed)
}

/// A directory that a backup is written in, its owner's alone. Gone when dropped.
struct Partial {
    dir: PathBuf,
    archive: PathBuf,
    database: PathBuf,
}

impl Partial {
    /// Nobody who may write where the backup goes can have put something in the way: its name cannot be guessed.
    fn beside(file: &Path) -> io::Result<Self> {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".partial-{:032x}", rand::random::<u128>()));
        let dir = PathBuf::from(name);
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        Ok(Self {
            archive: dir.join("archive"),
            database: dir.join("database"),
            dir,
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir));
    }
}
