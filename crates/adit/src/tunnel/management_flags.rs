//! The flags of `tunnel` that concern the management service. Names, variables and defaults are the stock client's.

use std::sync::Arc;

use adit_connector::ManagementConfig;
use clap::{ArgAction, Args};

use crate::{logging, personality::Personality};

/// The management host of the vendor, which its client takes if nobody names another.
const STOCK_HOST: &str = "management.argotunnel.com";

/// How the connector is managed.
#[derive(Debug, Clone, Args)]
pub(super) struct ManagementFlags {
    /// The host name under which the edge asks for log lines, metrics and details of this connector
    #[arg(
        long,
        global = true,
        value_name = "HOST",
        env = "TUNNEL_MANAGEMENT_HOSTNAME",
        hide_env_values = true,
        help_heading = "Connector"
    )]
    pub(super) management_hostname: Option<String>,
    /// Whether metrics may be asked for there
    #[arg(
        long,
        global = true,
        env = "TUNNEL_MANAGEMENT_DIAGNOSTICS",
        hide_env_values = true,
        action = ArgAction::Set,
        default_value = "true",
        help_heading = "Connector"
    )]
    management_diagnostics: bool,
    /// Taken and not used: details name the address that leads to the edge.
    #[arg(
        long,
        global = true,
        hide = true,
        value_name = "ADDR",
        env = "TUNNEL_SERVICE_OP_IP",
        hide_env_values = true
    )]
    service_op_ip: Option<String>,
}

impl ManagementFlags {
    /// The service, if there is to be one; what the process counts comes with its start.
    pub(super) fn config(&self, label: Option<&str>, personality: Personality) -> Option<ManagementConfig> {
        let named = self
            .management_hostname
            .as_deref()
            .filter(|host| !host.is_empty());
        let host = match (named, personality) {
            (Some(host), _) => host,
            (None, Personality::Cloudflared) => STOCK_HOST,
            (None, Personality::Adit) => return None,
        };
        Some(ManagementConfig {
            host: host.to_owned(),
            diagnostics: self.management_diagnostics,
            label: label.map(str::to_owned),
            metrics: Arc::new(String::new),
            logs: logging::tap(),
        })
    }
}
