//! Edges that nobody names: the vendor's names in DNS lead to ours.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use adit_testing::{
    dns::{DnsServer, Zone},
    netns::{self, Namespace, ResolvConf, Switch},
    process::Process,
    scripted::{Script, ScriptedEdge, Transports},
    skip, wait_within,
};
use tempfile::TempDir;

use crate::scene::{Program, SOON, token};

const SERVICE: &str = "_v2-origintunneld._tcp.argotunnel.com";
const SERVICE_OF_US: &str = "_us-v2-origintunneld._tcp.argotunnel.com";

/// Where a region's edges are: 198.18.REGION.1 and .2, and the same in fd00:18::/32.
fn addresses(region: u8) -> [[IpAddr; 2]; 2] {
    [1, 2].map(|edge: u8| {
        let v6 = [0xfd00, 0x18, u16::from(region), 0, 0, 0, 0, u16::from(edge)];
        [IpAddr::from([198, 18, region, edge]), IpAddr::from(v6)]
    })
}

/// What the vendor's DNS says, with the edges of a pair of regions as a service's.
fn zone(service: &str, names: [&str; 2], regions: [u8; 2]) -> Zone {
    let mut zone = Zone::new();
    for (name, region) in names.into_iter().zip(regions) {
        zone = zone.service(service, name, 7844);
        for address in addresses(region).into_iter().flatten() {
            zone = zone.address(name, address);
        }
    }
    zone
}

/// A laptop, a DNS server, and the edges of regions 1, 2 (everybody's) and 3, 4 (those of `us`), in namespaces.
struct Internet {
    laptop: Namespace,
    dns: DnsServer,
    /// Region, whether the address is of IPv6, and the edge.
    edges: Vec<(u8, bool, ScriptedEdge)>,
    files: TempDir,
    _hosts: (Switch, Namespace, Namespace, ResolvConf),
}

impl Internet {
    fn build(zone: Zone) -> Self {
        let switch = Switch::new(&["wan"]);
        let (laptop, servers, resolver) = (
            Namespace::new("laptop"),
            Namespace::new("edges"),
            Namespace::new("dns"),
        );
        switch.connect(&laptop, "wan", "wan", &["198.18.0.11/15", "fd00:18::11/32"]);
        switch.connect(&resolver, "wan", "wan", &["198.18.0.53/15"]);
        let all: Vec<(u8, IpAddr)> = (1..=4)
            .flat_map(|region| {
                addresses(region)
                    .into_iter()
                    .flatten()
                    .map(move |address| (region, address))
            })
            .collect();
        let with_prefix = |address: &IpAddr| format!("{address}/{}", if address.is_ipv4() { 15 } else { 32 });
        let prefixed: Vec<String> = all.iter().map(|(_, address)| with_prefix(address)).collect();
        let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
        switch.connect(&servers, "wan", "wan", &prefixed);
        let edges: Vec<_> = all
            .into_iter()
            .map(|(region, address)| (region, address.is_ipv6(), listen(&servers, address)))
            .collect();
        let files = TempDir::new().unwrap();
        let pem: String = edges.iter().map(|(_, _, edge)| edge.ca_pem()).collect();
        std::fs::write(files.path().join("roots.pem"), pem).unwrap();
        let dns = resolver.inside(|| DnsServer::start(SocketAddr::from(([198, 18, 0, 53], 53)), zone));
        let resolv_conf = ResolvConf::of(&laptop, [198, 18, 0, 53]);
        Self {
            laptop,
            dns,
            edges,
            files,
            _hosts: (switch, servers, resolver, resolv_conf),
        }
    }

    /// The program as it is run against the vendor's edges, on a machine whose roots are these edges'.
    fn run(&self, program: &Program, flags: &[&str]) -> Process {
        self.run_with(program, flags, &[])
    }

    /// As [`Internet::run`], with flags of the command.
    fn run_with(&self, program: &Program, flags: &[&str], of_run: &[&str]) -> Process {
        let mut command = self.laptop.command(program.path());
        command
            .args([
                "tunnel",
                "--no-autoupdate",
                "--hello-world",
                "--metrics",
                "127.0.0.1:0",
            ])
            .args(flags)
            .arg("run")
            .args(of_run)
            .env("HOME", self.files.path())
            .env("SSL_CERT_FILE", self.files.path().join("roots.pem"))
            .env("TUNNEL_TOKEN", token().encode());
        Process::spawn(&format!("cloudflared ({program})"), command)
    }

    /// What the connection of that index has announced.
    fn features_of(&self, index: u8) -> Option<Vec<String>> {
        let mut live = self.edges.iter().flat_map(|(_, _, edge)| edge.live());
        let of_index = live.find(|at| at.request().index.0 == index)?;
        Some(of_index.request().client.features.clone())
    }

    /// How many connections a region's edges of a family have.
    fn connections(&self, wanted: u8, v6: bool) -> usize {
        let edges = self.edges.iter();
        let edges = edges.filter(|(region, is_v6, _)| (*region, *is_v6) == (wanted, v6));
        edges.map(|(_, _, edge)| edge.live().len()).sum()
    }

    /// Waits until four connections lead to these regions, to each at least one: a dial that takes its time is followed by
    /// one to the next edge. Sees that no other edge has one.
    async fn has_four_at(&self, regions: [u8; 2], v6: bool) {
        let what = format!("four connections to the regions {regions:?}");
        wait_within(SOON, &what, async || {
            let [one, other] = regions.map(|region| self.connections(region, v6));
            one > 0 && other > 0 && one + other == 4
        })
        .await;
        let all: usize = self.edges.iter().map(|(_, _, edge)| edge.live().len()).sum();
        assert_eq!(all, 4);
    }
}

fn listen(host: &Namespace, address: IpAddr) -> ScriptedEdge {
    let everything: Script = Arc::new(|_| Ok(ScriptedEdge::details()));
    host.inside(|| ScriptedEdge::listening(SocketAddr::new(address, 7844), Transports::Both, everything))
}

fn everybodys() -> Zone {
    let names = ["region1.v2.argotunnel.com", "region2.v2.argotunnel.com"];
    zone(SERVICE, names, [1, 2])
}

fn of_us() -> Zone {
    let names = ["us-region1.v2.argotunnel.com", "us-region2.v2.argotunnel.com"];
    zone(SERVICE_OF_US, names, [3, 4])
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_are_found_by_the_vendors_names_and_connections_lead_to_both_regions() {
    let name = "edges_are_found_by_the_vendors_names_and_connections_lead_to_both_regions";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    for program in Program::both(name) {
        for protocol in ["quic", "http2"] {
            let internet = Internet::build(everybodys());
            let _running = internet.run(&program, &["--protocol", protocol, "--edge-ip-version", "4"]);
            internet.has_four_at([1, 2], false).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_has_names_of_its_own() {
    let name = "a_region_has_names_of_its_own";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    for program in Program::both(name) {
        let internet = Internet::build(of_us());
        let _running = internet.run(&program, &["--region", "us", "--edge-ip-version", "4"]);
        internet.has_four_at([3, 4], false).await;
        let asked = internet.dns.asked();
        assert!(asked.iter().any(|name| name == SERVICE_OF_US), "{program}");
        assert!(!asked.iter().any(|name| name == SERVICE), "{program}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edges_of_ipv6_are_dialled_where_they_are_wanted() {
    let name = "edges_of_ipv6_are_dialled_where_they_are_wanted";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    for program in Program::both(name) {
        let internet = Internet::build(everybodys());
        let _running = internet.run(&program, &["--edge-ip-version", "6"]);
        internet.has_four_at([1, 2], true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_chooses_the_version_of_datagrams_unless_a_flag_does() {
    let name = "dns_chooses_the_version_of_datagrams_unless_a_flag_does";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    for program in Program::both(name) {
        for (flags, is_third) in [(&[][..], true), (&["--features", "support_datagram_v2"], false)] {
            let zone = everybodys().text("cfd-features.argotunnel.com", r#"{"dv3_2":100}"#);
            let internet = Internet::build(zone);
            let two = ["--edge-ip-version", "4", "--ha-connections", "2"];
            let _running = internet.run_with(&program, &two, flags);
            // The first connection of ours may be registered before DNS has answered.
            wait_within(SOON, "the second connection", async || {
                internet.features_of(1).is_some()
            })
            .await;
            let last = internet.features_of(1).unwrap();
            assert_eq!(
                last.iter().any(|one| one == "support_datagram_v3_2"),
                is_third,
                "{program}"
            );
            assert!(last.iter().any(|one| one == "management_logs"), "{program}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_asking_until_dns_knows_the_edges() {
    let name = "it_goes_on_asking_until_dns_knows_the_edges";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    // The stock client ends instead.
    for program in Program::both(name).into_iter().filter(|program| program.is_ours) {
        let internet = Internet::build(Zone::new());
        let mut running = internet.run(&program, &["--edge-ip-version", "4"]);
        running.line("no edge is found").await;
        assert!(running.is_running());
        internet.dns.serve(everybodys());
        internet.has_four_at([1, 2], false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn called_as_adit_it_asks_nobody_for_the_vendors_edges() {
    let name = "called_as_adit_it_asks_nobody_for_the_vendors_edges";
    if let Some(reason) = netns::absent() {
        return skip(name, reason);
    }
    let internet = Internet::build(everybodys());
    let mut command = internet.laptop.command(env!("CARGO_BIN_EXE_adit"));
    command
        .args(["tunnel", "--hello-world", "run"])
        .env("HOME", internet.files.path())
        .env("TUNNEL_TOKEN", token().encode());
    let ended = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
    assert_eq!(ended.unwrap().unwrap().status.code(), Some(2));
    assert_eq!(internet.dns.asked(), Vec::<String>::new());
}
