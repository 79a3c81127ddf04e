//! `ca-bundle.pem`: what REST clients on this machine should trust.
//!
//! A client that is pointed here by `SSL_CERT_FILE` reads nothing else, so the system's roots must be in it.

use std::{fs, path::Path};

use super::{DataDir, DataDirError, file, io_error};

/// Where systems keep their roots as one PEM file. `SSL_CERT_FILE` is not asked: it may name our own older bundle.
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl DataDir {
    /// Writes the bundle anew from the system's roots and `ca.pem`, which must be there.
    ///
    /// # Errors
    /// [`DataDirError::Io`]
    pub(crate) fn write_ca_bundle(&self) -> Result<(), DataDirError> {
        let ca_path = self.ca_certificate();
        let ca = fs::read_to_string(&ca_path).map_err(io_error("read", &ca_path))?;
        let system = SYSTEM_BUNDLES
            .iter()
            .find_map(|path| fs::read(Path::new(path)).ok())
            .unwrap_or_default();
        file::write_private(&self.ca_bundle(), &joined(&system, &ca))
    }
}

fn joined(system: &[u8], ca: &str) -> Vec<u8> {
    let mut bundle = system.to_vec();
    if !bundle.is_empty() && !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend_from_slice(ca.as_bytes());
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_never_run_together() {
        assert_eq!(
            joined(b"-----END A-----", "-----BEGIN B-----"),
            b"-----END A-----\n-----BEGIN B-----"
        );
        assert_eq!(joined(b"", "-----BEGIN B-----"), b"-----BEGIN B-----");
    }
}
