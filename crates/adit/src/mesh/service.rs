//! The node under systemd: its unit file.

use std::env;

pub(super) use crate::systemd::notify;
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
# TUNNEL_TOKEN=…, TUNNEL_EDGE=HOST:PORT and TUNNEL_CACERT=/etc/adit/ca.pem; for replicas ADIT_MESH_PRIORITY,
# ADIT_MESH_LAN_INTERFACE, ADIT_MESH_LAN_TARGET, ADIT_MESH_LAN_PROBE, ADIT_MESH_ON_ACTIVE and ADIT_MESH_ON_PASSIVE
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
# For what the commands of a replica leave to others, such as keepalived.
ReadWritePaths=/run
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_runs_this_program_and_keeps_its_state_private() {
        let unit = unit("/opt/adit");
        assert!(unit.contains("ExecStart=/opt/adit mesh up\n"));
        assert!(unit.contains("StateDirectory=adit-mesh\nStateDirectoryMode=0700\n"));
        // As the manual's command for keepalived does.
        assert!(unit.contains("ReadWritePaths=/run\n"));
    }
}
