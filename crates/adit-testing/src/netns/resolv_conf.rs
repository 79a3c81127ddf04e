//! Which DNS server a namespace's programs ask.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::Namespace;

/// What programs in a namespace find as `/etc/resolv.conf`. Dropping it removes it.
#[derive(Debug)]
pub struct ResolvConf(PathBuf);

impl ResolvConf {
    /// Programs that are started in the namespace from now on ask this server.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn of(host: &Namespace, server: impl Into<IpAddr>) -> Self {
        let dir = Path::new("/etc/netns").join(host.to_string());
        std::fs::create_dir_all(&dir).expect("root may write to /etc");
        let text = format!("nameserver {}\n", server.into());
        std::fs::write(dir.join("resolv.conf"), text).expect("root may write to /etc");
        Self(dir)
    }
}

impl Drop for ResolvConf {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
