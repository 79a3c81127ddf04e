//! `adit mesh device`: standard WireGuard clients as members of the mesh.

use std::net::IpAddr;

use adit_mesh::noise::PrivateKey;
use adit_model::AccountId;
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::{Args, Subcommand};
use http::Method;
use qrcode::{QrCode, render::unicode::Dense1x2};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    admin::{Admin, Named},
    environment::Place,
    failure::Failure,
    output,
    rest::Target,
};

/// Devices: any WireGuard client can join the mesh
#[derive(Debug, Args)]
pub(super) struct DeviceArgs {
    #[command(flatten)]
    place: Place,
    /// Whose, by id or name [default: the first account's]
    #[arg(long, value_name = "ACCOUNT", global = true)]
    account: Option<String>,
    #[command(subcommand)]
    command: DeviceCommand,
}

#[derive(Debug, Subcommand)]
enum DeviceCommand {
    /// Let a device join: prints its WireGuard configuration, and on stderr a QR code; its private key is made here
    Add {
        /// What to call it
        name: String,
        /// Which virtual network it reaches, by id or name [default: the account's default one]
        #[arg(long, value_name = "NETWORK")]
        virtual_network: Option<String>,
        /// Show no QR code
        #[arg(long)]
        no_qr: bool,
    },
    /// List the devices, newest first
    List {
        /// json for programs
        #[arg(long, short, value_name = "FORMAT")]
        output: Option<String>,
    },
    /// Take a device out of the mesh; its key is worth nothing at once
    #[command(visible_alias = "revoke")]
    Remove {
        /// Its id or name
        device: String,
    },
}

/// A device, as the API shows it.
#[derive(Debug, Serialize, Deserialize)]
struct Device {
    id: String,
    name: String,
    public_key: String,
    virtual_network_id: String,
    addresses: Vec<IpAddr>,
    created_at: String,
}

/// What the API tells a device that joins.
#[derive(Deserialize)]
struct Joined {
    wireguard: Option<WireGuard>,
}

#[derive(Deserialize)]
struct WireGuard {
    address: Vec<String>,
    mtu: u16,
    peer: Peer,
}

#[derive(Deserialize)]
struct Peer {
    public_key: String,
    endpoint: Option<String>,
    allowed_ips: Vec<String>,
    persistent_keepalive: u16,
}

/// Does what the command says.
pub(super) async fn run(args: &DeviceArgs) -> Result<(), Failure> {
    let admin = Admin::open(&args.place)?;
    let account = admin.account(args.account.as_deref()).await?;
    match &args.command {
        DeviceCommand::Add {
            name,
            virtual_network,
            no_qr,
        } => add(&admin, account, name, virtual_network.as_deref(), *no_qr).await,
        DeviceCommand::List { output } => list(&admin, account, super::is_json(output.as_deref())?).await,
        DeviceCommand::Remove { device } => remove(&admin, account, device).await,
    }
}

fn devices(account: AccountId) -> String {
    format!("/accounts/{account}/adit/devices")
}

async fn add(
    admin: &Admin,
    account: AccountId,
    name: &str,
    virtual_network: Option<&str>,
    no_qr: bool,
) -> Result<(), Failure> {
    let run = admin.run_file();
    if run.listeners.mesh.is_none() {
        return Err(Failure::because("this Adit has no mesh").hint("start it with --mesh-listen"));
    }
    // Asked first: a device that nobody can tell where to dial should not exist.
    if run.advertised.mesh.is_none() {
        return Err(Failure::because(
            "devices cannot be told where to dial: mesh.advertise is not set, and mesh.listen is no address that others reach",
        )
        .hint("start Adit with --mesh-advertise HOST:PORT and a --mesh-listen that devices reach"));
    }
    let key =
        PrivateKey::generate().map_err(|_| Failure::because("the system has no randomness for a key"))?;
    let mut body = json!({"name": name, "public_key": key.public().to_string()});
    if let Some(word) = virtual_network {
        body["virtual_network_id"] = json!(network(admin, account, word).await?);
    }
    let joined: Joined = admin
        .rest
        .send(Method::POST, Target::new(devices(account)), &body)
        .await
        .map_err(|error| error.while_to(&format!("let the device {name:?} join")))?;
    let file = joined
        .wireguard
        .and_then(|told| configuration(&told, &key))
        .ok_or_else(|| Failure::because("the API does not say where devices dial"))?;
    output::result(&file)?;
    if !no_qr {
        let code = QrCode::new(file.as_bytes())
            .map_err(|_| Failure::because("the configuration is too long for a QR code; use the file"))?;
        // Light modules are drawn, dark ones left out: most terminals are dark.
        let drawn = code
            .render::<Dense1x2>()
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build();
        output::note(&drawn);
    }
    Ok(())
}

/// A file for `wg-quick` and the apps; `None` if the API does not know where devices dial.
fn configuration(told: &WireGuard, key: &PrivateKey) -> Option<Zeroizing<String>> {
    let private = Zeroizing::new(BASE64_STANDARD.encode(key.as_bytes()));
    let WireGuard { address, mtu, peer } = told;
    Some(Zeroizing::new(format!(
        "[Interface]\nPrivateKey = {}\nAddress = {}\nMTU = {mtu}\n\n\
         [Peer]\nPublicKey = {}\nEndpoint = {}\nAllowedIPs = {}\nPersistentKeepalive = {}\n",
        *private,
        address.join(", "),
        peer.public_key,
        peer.endpoint.as_ref()?,
        peer.allowed_ips.join(", "),
        peer.persistent_keepalive,
    )))
}

async fn network(admin: &Admin, account: AccountId, word: &str) -> Result<String, Failure> {
    if uuid::Uuid::try_parse(word).is_ok() {
        return Ok(word.to_owned());
    }
    let target = Target::new(format!("/accounts/{account}/teamnet/virtual_networks"))
        .with("name", word)
        .with("is_deleted", "false");
    let found: Vec<Named> = admin
        .rest
        .list(&target, Some(50))
        .await
        .map_err(|error| error.while_to("look up the virtual network"))?;
    found.into_iter().next().map(|network| network.id).ok_or_else(|| {
        Failure::because(format!("there is no virtual network {word:?}"))
            .hint("`adit tunnel vnet list` shows them all")
    })
}

async fn all(admin: &Admin, target: &Target) -> Result<Vec<Device>, Failure> {
    let found = admin.rest.list(target, Some(50)).await;
    found.map_err(|error| error.while_to("list the devices"))
}

async fn list(admin: &Admin, account: AccountId, json: bool) -> Result<(), Failure> {
    let found = all(admin, &Target::new(devices(account))).await?;
    if json {
        return super::print_json(&found);
    }
    let line = |device: &Device| {
        let addresses: Vec<String> = device.addresses.iter().map(ToString::to_string).collect();
        format!("{} {} {}\n", device.id, device.name, addresses.join(" "))
    };
    output::result(&found.iter().map(line).collect::<String>())
}

async fn remove(admin: &Admin, account: AccountId, word: &str) -> Result<(), Failure> {
    let id = if uuid::Uuid::try_parse(word).is_ok() {
        word.to_owned()
    } else {
        let found = all(admin, &Target::new(devices(account)).with("name", word)).await?;
        let missing = || {
            Failure::because(format!("there is no device {word:?}"))
                .hint("`adit mesh device list` shows them all")
        };
        found
            .into_iter()
            .next()
            .map(|device| device.id)
            .ok_or_else(missing)?
    };
    let removed = admin
        .rest
        .delete(Target::new(format!("{}/{id}", devices(account))))
        .await;
    removed.map_err(|error| error.while_to(&format!("remove the device {word:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_what_wg_quick_needs() {
        let told = WireGuard {
            address: vec!["100.96.0.2/32".to_owned(), "fd00::2/128".to_owned()],
            mtu: 1280,
            peer: Peer {
                public_key: "hub".to_owned(),
                endpoint: Some("edge.example:51820".to_owned()),
                allowed_ips: vec!["100.96.0.0/12".to_owned(), "10.10.0.0/24".to_owned()],
                persistent_keepalive: 25,
            },
        };
        let key = PrivateKey::from_bytes([1; 32]);
        let file = configuration(&told, &key).unwrap();
        assert_eq!(
            *file,
            "[Interface]\nPrivateKey = AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\
             Address = 100.96.0.2/32, fd00::2/128\nMTU = 1280\n\n[Peer]\nPublicKey = hub\n\
             Endpoint = edge.example:51820\nAllowedIPs = 100.96.0.0/12, 10.10.0.0/24\nPersistentKeepalive = 25\n"
        );
    }
}
