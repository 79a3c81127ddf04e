//! The archive: a ZIP file in the working directory, as the stock client's.

use std::{fs, fs::File, io::Write, os::unix::fs::OpenOptionsExt, time::SystemTime};

use adit_model::Timestamp;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{
    super::render,
    collect::{Collected, Outcome},
};
use crate::failure::Failure;

/// Writes what was collected, and says where: `cloudflared-diag-2026-11-23T01-02-03Z.zip`, readable by its owner only.
///
/// # Errors
/// If it cannot be written. Nothing is left then.
pub(super) fn write(collected: &Collected) -> Result<String, Failure> {
    let now = render::to_the_second(&Timestamp::from(SystemTime::now()).to_string());
    let path = format!("cloudflared-diag-{}.zip", now.replace(':', "-"));
    let failed = |error: anyhow::Error| Failure::failed(error.context(format!("cannot write {path}")));
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| failed(error.into()))?;
    if let Err(error) = fill(file, collected) {
        // Half an archive helps nobody.
        let _ = fs::remove_file(&path);
        return Err(failed(error));
    }
    Ok(path)
}

fn fill(file: File, collected: &Collected) -> anyhow::Result<()> {
    let mut archive = ZipWriter::new(file);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(0o600);
    for (job, outcome) in collected.outcomes() {
        if let Outcome::Have(content) = outcome {
            archive.start_file(job.file(), options)?;
            archive.write_all(content)?;
        }
    }
    archive.start_file("task-result.json", options)?;
    archive.write_all(&serde_json::to_vec_pretty(&collected.results())?)?;
    archive.finish()?.sync_all()?;
    Ok(())
}
