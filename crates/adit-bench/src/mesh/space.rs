//! Two network namespaces joined by a cable.

use std::process::{Command as Plain, Stdio};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// The addresses of the cable's ends.
pub(super) const OUTER: [&str; 2] = ["198.18.0.1", "198.18.0.2"];
/// The addresses of the tunnel's ends.
pub(super) const INNER: [&str; 2] = ["10.99.0.1", "10.99.0.2"];

/// Two namespaces. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Spaces {
    pub(super) names: [String; 2],
}

impl Spaces {
    pub(super) async fn new(purpose: &str) -> anyhow::Result<Self> {
        let id = std::process::id();
        let spaces = Self {
            names: ["a", "b"].map(|side| format!("adit-bench-{id}-{purpose}-{side}")),
        };
        let [left, right] = &spaces.names;
        for name in &spaces.names {
            ip(&["netns", "add", name]).await?;
            ip(&["-n", name, "link", "set", "lo", "up"]).await?;
        }
        ip(&[
            "-n", left, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", right,
        ])
        .await?;
        for (name, address) in spaces.names.iter().zip(OUTER) {
            ip(&[
                "-n",
                name,
                "address",
                "add",
                &format!("{address}/30"),
                "dev",
                "cable",
            ])
            .await?;
            ip(&["-n", name, "link", "set", "cable", "up"]).await?;
        }
        Ok(spaces)
    }

    /// Gives a tunnel's device its address and brings it up.
    pub(super) async fn configure(&self, side: usize, device: &str) -> anyhow::Result<()> {
        let (name, address) = (&self.names[side], format!("{}/24", INNER[side]));
        ip(&["-n", name, "address", "add", &address, "dev", device]).await?;
        ip(&["-n", name, "link", "set", device, "mtu", "1420", "up"]).await
    }

    /// A command that runs on one side.
    pub(super) fn command(&self, side: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[side], program]);
        command
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Plain::new("ip")
                .args(["netns", "delete", name])
                .stderr(Stdio::null())
                .status();
        }
    }
}

async fn ip(args: &[&str]) -> anyhow::Result<()> {
    let done = Command::new("ip")
        .args(args)
        .output()
        .await
        .context("no ip here (iproute2)")?;
    ensure!(
        done.status.success(),
        "ip {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&done.stderr).trim()
    );
    Ok(())
}
