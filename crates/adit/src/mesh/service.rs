//! The node under systemd: its unit file, and the words that systemd understands.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

use crate::{failure::Failure, output};

/// Prints a unit file for the node.
pub(super) fn print() -> Result<(), Failure> {
    let program = env::current_exe()
        .ok()
        .and_then(|path| path.to_str().map(str::to_owned))
        .unwrap_or_else(|| "/usr/local/bin/adit".to_owned());
    output::result(&unit(&program))
}

/// The state directory is the node's usual one, so that `adit mesh status` finds it without being told.
fn unit(program: &str) -> String {
    format!(
        "\
[Unit]
Description=Adit mesh node
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
# TUNNEL_TOKEN=…, TUNNEL_EDGE=HOST:PORT and TUNNEL_CACERT=/etc/adit/ca.pem
EnvironmentFile=-/etc/adit/mesh.env
ExecStart={program} mesh up
Restart=on-failure
RestartSec=2
# A wrong command line does not become right by itself.
RestartPreventExitStatus=2
StateDirectory=adit-mesh
StateDirectoryMode=0700
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"
    )
}

/// Tells systemd how the service fares, if systemd runs it. Source: sd_notify(3).
pub(super) fn notify(state: &str) {
    let Some(place) = env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let address = match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path)),
    };
    let told = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = told {
        tracing::debug!(error = &error as &dyn std::error::Error, "cannot tell systemd");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_runs_this_program_and_keeps_its_state_private() {
        let unit = unit("/opt/adit");
        assert!(unit.contains("ExecStart=/opt/adit mesh up\n"));
        assert!(unit.contains("StateDirectory=adit-mesh\nStateDirectoryMode=0700\n"));
    }
}
