//! Where a login certificate lies: in the first of the directories that are searched for one.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use adit_wire::OriginCertificate;

use crate::{failure::Failure, tunnel::access::directories};

/// The path of a login certificate.
pub(super) struct Place(PathBuf);

impl Place {
    /// The usual place; its directory is made if it is not there.
    ///
    /// # Errors
    /// If there is no home directory, or it cannot be written.
    pub(super) fn find() -> Result<Self, Failure> {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let directory = home.and_then(|_| directories().into_iter().next());
        let Some(directory) = directory else {
            return Err(Failure::because("there is no place for a login: HOME is not set"));
        };
        match fs::DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                let context = format!("cannot make the directory {}", directory.display());
                Err(Failure::failed(anyhow::Error::new(error).context(context)))
            }
            _ => Ok(Self(directory.join("cert.pem"))),
        }
    }

    /// The certificate's path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a login is there. An empty file is none.
    pub(super) fn is_taken(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok_and(|data| data.len() > 0)
    }

    /// Writes it whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// If it cannot be written, or one appeared meanwhile.
    pub(super) fn write(&self, login: &OriginCertificate) -> Result<(), Failure> {
        self.try_write(login).map_err(|error| {
            let context = format!("cannot write the login {}", self.0.display());
            Failure::failed(anyhow::Error::new(error).context(context))
        })
    }

    fn try_write(&self, login: &OriginCertificate) -> io::Result<()> {
        if self.is_taken() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let draft = self.0.with_extension(format!("pem.{}", std::process::id()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        let written = file
            .write_all(login.encode().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&draft, &self.0));
        if written.is_err() {
            // What is half written helps nobody.
            let _ = fs::remove_file(&draft);
        }
        written
    }
}
