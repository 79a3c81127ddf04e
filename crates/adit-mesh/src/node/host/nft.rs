//! The node's nftables table: MSS clamp, source translation, and the way back of connections from outside.
//!
//! One table of a name of its own, replaced and removed as a whole, so that no other program's rules are touched and
//! what a killed process left behind is known by name.

use std::{
    io,
    process::{Output, Stdio},
};

use tokio::{io::AsyncWriteExt, process::Command};

/// What the table is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) interface: String,
    pub(super) mtu: u32,
    /// Whether packets from the mesh to local networks get the host's own address as their source.
    pub(super) snat: bool,
    /// Whether answers of connections that came from outside the mesh are marked, so that they leave by the host's own
    /// routes: needed where a default route leads into the tunnel.
    pub(super) mark_answers: Option<u32>,
}

/// Why nftables could not be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum NftError {
    /// There is no `nft`.
    #[error("the program `nft` is not installed (package nftables)")]
    Absent,
    /// It could not be run.
    #[error("cannot run `nft`")]
    Io(#[source] io::Error),
    /// It refused.
    #[error("`nft` says: {0}")]
    Refused(String),
}

/// The table's name for an interface.
fn table(interface: &str) -> String {
    format!("adit-mesh-{interface}")
}

impl Filter {
    /// The commands that make the table, whether it is there or not, in one transaction.
    pub(super) fn script(&self) -> String {
        let Self { interface, mtu, .. } = self;
        let name = table(interface);
        // The smallest headers: 20 or 40 bytes of IP and 20 of TCP.
        let (v4, v6) = (mtu.saturating_sub(40), mtu.saturating_sub(60));
        let mut chains = String::new();
        let mut chain = |name: &str, hook: &str, rules: &[String]| {
            let rules: String = rules.iter().map(|rule| format!("    {rule}\n")).collect();
            chains.push_str(&format!(
                "  chain {name} {{\n    type {hook}; policy accept;\n{rules}  }}\n"
            ));
        };
        let clamp: Vec<String> = ["iifname", "oifname"]
            .iter()
            .flat_map(|side| {
                [("ipv4", v4), ("ipv6", v6)].map(|(family, size)| {
                    format!(
                        "{side} \"{interface}\" meta nfproto {family} tcp flags & (syn | rst) == syn tcp option maxseg size set {size}"
                    )
                })
            })
            .collect();
        chain("clamp", "filter hook forward priority mangle", &clamp);
        if self.snat {
            let rule = format!("iifname \"{interface}\" oifname != {{ \"{interface}\", \"lo\" }} masquerade");
            chain("source", "nat hook postrouting priority srcnat", &[rule]);
        }
        if let Some(mark) = self.mark_answers {
            let seen = format!(
                "iifname != {{ \"{interface}\", \"lo\" }} fib daddr type local ct state new ct mark set {mark:#x}"
            );
            let answer = format!("ct direction reply ct mark {mark:#x} meta mark set {mark:#x}");
            chain("seen", "filter hook prerouting priority mangle", &[seen]);
            chain("answer", "route hook output priority mangle", &[answer]);
        }
        format!("table inet {name} {{}}\ndelete table inet {name}\ntable inet {name} {{\n{chains}}}\n")
    }

    /// Puts the table in place.
    pub(super) async fn install(&self) -> Result<(), NftError> {
        run(&self.script()).await
    }
}

/// Removes the table of an interface; that there is none is fine.
pub(super) async fn remove(interface: &str) -> Result<(), NftError> {
    let name = table(interface);
    match run(&format!("table inet {name} {{}}\ndelete table inet {name}\n")).await {
        // Without the program no table was made.
        Err(NftError::Absent) => Ok(()),
        other => other,
    }
}

async fn run(script: &str) -> Result<(), NftError> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                NftError::Absent
            } else {
                NftError::Io(error)
            }
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it ends before it has read everything, it says why below.
        let _ = stdin.write_all(script.as_bytes()).await;
    }
    let Output { status, stderr, .. } = child.wait_with_output().await.map_err(NftError::Io)?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&stderr);
    Err(NftError::Refused(
        text.lines().next().unwrap_or("nothing").to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter {
            interface: "adit0".to_owned(),
            mtu: 1420,
            snat: false,
            mark_answers: None,
        }
    }

    #[test]
    fn segments_are_clamped_to_what_fits_into_the_tunnel() {
        let script = filter().script();
        assert!(
            script
                .contains("meta nfproto ipv4 tcp flags & (syn | rst) == syn tcp option maxseg size set 1380")
        );
        assert!(
            script
                .contains("meta nfproto ipv6 tcp flags & (syn | rst) == syn tcp option maxseg size set 1360")
        );
        assert!(!script.contains("masquerade") && !script.contains("ct mark"));
    }

    #[test]
    fn sources_are_translated_only_when_asked() {
        let script = Filter {
            snat: true,
            ..filter()
        }
        .script();
        assert!(script.contains("iifname \"adit0\" oifname != { \"adit0\", \"lo\" } masquerade"));
    }
}
