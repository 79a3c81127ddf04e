//! The same decisions, made by looking at everything.

use proptest::prelude::*;

use super::*;

/// Few distinct ones, so that networks meet often.
fn any_network() -> impl Strategy<Value = String> {
    let v4 = (0_u32..8, prop::sample::select(vec![0_u8, 1, 2, 3, 8, 32]))
        .prop_map(|(bits, length)| format!("{}/{length}", Ipv4Addr::from_bits(bits << 29)));
    let v6 = (0_u128..8, prop::sample::select(vec![0_u8, 2, 3, 64, 128]))
        .prop_map(|(bits, length)| format!("{}/{length}", Ipv6Addr::from_bits(bits << 125)));
    // Host bits are no part of a network's name.
    prop_oneof![v4, v6].prop_map(|text| {
        let (address, length) = text.split_once('/').unwrap();
        Network::new(address.parse().unwrap(), length.parse().unwrap())
            .unwrap()
            .to_string()
    })
}

#[derive(Debug, Clone)]
struct World {
    /// Sites: how many replicas, and which of them carries.
    sites: Vec<(usize, Option<usize>)>,
    /// Devices: in which space.
    devices: Vec<usize>,
    /// Routes: network, space, site (one past the last is a `cfd_tunnel`).
    routes: Vec<(String, usize, usize)>,
}

const SPACES: usize = 3;

fn any_world() -> impl Strategy<Value = World> {
    let sites = prop::collection::vec((0_usize..3, prop::option::of(0_usize..3)), 1..5);
    let devices = prop::collection::vec(0..SPACES, 0..4);
    (sites, devices).prop_flat_map(|(sites, devices)| {
        let route = (any_network(), 0..SPACES, 0..=sites.len());
        prop::collection::vec(route, 0..25).prop_map(move |mut routes| {
            // The store keeps a network of a space unique.
            let mut seen = std::collections::BTreeSet::new();
            routes.retain(|(network, space, _)| seen.insert((network.clone(), *space)));
            World {
                sites: sites.clone(),
                devices: devices.clone(),
                routes,
            }
        })
    })
}

/// Where an address of a space leads, found by looking at every route and every member.
struct Naive {
    own: Vec<(usize, IpAddr, PeerKey)>,
    routes: Vec<(usize, Network, Result<PeerKey, Told>)>,
}

impl Naive {
    fn lead(&self, space: usize, address: IpAddr) -> Option<(u8, Result<PeerKey, Told>)> {
        let whole = Network::of_address(address);
        let mut own = self.own.iter();
        if let Some((.., key)) = own.find(|(at, one, _)| *at == space && *one == address) {
            return Some((whole.length(), Ok(*key)));
        }
        let holds = |(at, network, _): &&(usize, Network, _)| *at == space && network.contains(whole);
        let routes = self.routes.iter().filter(holds);
        let best = routes.max_by_key(|(_, network, _)| network.length())?;
        Some((best.1.length(), best.2))
    }

    fn verdict(&self, from: PeerKey, spaces: &[usize], source: IpAddr, destination: IpAddr) -> Told {
        let owned = |space: &usize| match self.lead(*space, source) {
            Some((length, Ok(key))) if key == from => Some(length),
            _ => None,
        };
        let Some(longest) = spaces.iter().filter_map(owned).max() else {
            return Told::Denied(Denial::ForeignSource);
        };
        for space in spaces.iter().filter(|space| owned(space) == Some(longest)) {
            match self.lead(*space, destination) {
                Some((_, Ok(key))) if key == from => return Told::Denied(Denial::Sender),
                Some((_, Ok(key))) => return Told::To(key),
                Some((_, Err(told))) => return told,
                None => {}
            }
        }
        Told::Denied(Denial::NoRoute)
    }
}

proptest! {
    #[test]
    fn a_table_decides_as_a_look_at_everything_does(
        world in any_world(),
        packets in prop::collection::vec((any::<prop::sample::Index>(), any_network(), any_network(), any::<(bool, bool)>(), any::<[prop::sample::Index; 2]>()), 1..40),
    ) {
        let mut scene = Scene::new();
        let mut spaces = [scene.default; SPACES];
        for space in spaces.iter_mut().skip(1) {
            *space = VirtualNetworkId::random();
        }
        spaces[1..].sort();
        let mut naive = Naive { own: Vec::new(), routes: Vec::new() };
        // Each member with its spaces in the order in which they are asked.
        let mut members: Vec<(PeerKey, MeshAddresses, Vec<usize>)> = Vec::new();
        let mut tunnels = Vec::new();
        for (site, (replicas, carries)) in world.sites.iter().enumerate() {
            let tunnel = scene.tunnel(TunnelKind::WarpConnector);
            let mut carrier = Err(Told::Denied(Denial::NoCarrier));
            for place in 0..*replicas {
                let (id, replica) = scene.replica(tunnel);
                if *carries == Some(place) {
                    scene.carriers.active.insert(tunnel, id);
                    carrier = Ok(replica.key);
                }
                let in_it = |space: &usize| *space == 0 || world.routes.iter().any(|(_, at, of)| at == space && *of == site);
                members.push((replica.key, replica.addresses, (0..SPACES).filter(in_it).collect()));
            }
            tunnels.push((tunnel, carrier));
        }
        let connectors = scene.tunnel(TunnelKind::CfdTunnel);
        tunnels.push((connectors, Err(Told::Proxied(connectors, spaces[0]))));
        for space in &world.devices {
            let device = scene.device(spaces[*space]);
            members.push((device.key, device.addresses, vec![*space]));
        }
        for (network, space, site) in &world.routes {
            let (tunnel, carrier) = tunnels[*site];
            scene.route(network, spaces[*space], tunnel);
            let carrier = match carrier {
                Err(Told::Proxied(tunnel, _)) => Err(Told::Proxied(tunnel, spaces[*space])),
                other => other,
            };
            naive.routes.push((*space, network.parse().unwrap(), carrier));
        }
        for (key, addresses, in_them) in &members {
            for space in in_them {
                naive.own.extend(addresses.all().map(|address| (*space, address, *key)));
            }
        }
        let own: Vec<IpAddr> = members.iter().flat_map(|(_, addresses, _)| addresses.all()).collect();
        if members.is_empty() {
            return Ok(());
        }
        let table = scene.table();
        for (from, source, destination, of_members, which) in packets {
            let (key, _, in_them) = from.get(&members);
            let pick = |of_member: bool, which: prop::sample::Index, network: String| {
                if of_member { *which.get(&own) } else { network.parse::<Network>().unwrap().first() }
            };
            let source = pick(of_members.0, which[0], source);
            let destination = pick(of_members.1, which[1], destination);
            let expected = naive.verdict(*key, in_them, source, destination);
            let told = match table.verdict(table.member_of(key).unwrap(), source, destination) {
                Verdict::To(to) => Told::To(table.member(to).unwrap().keys[0]),
                Verdict::Hub => Told::Hub,
                Verdict::Proxied(to) => Told::Proxied(to.tunnel, to.network),
                Verdict::Denied(denial) => Told::Denied(denial),
            };
            prop_assert_eq!(told, expected, "{} to {}", source, destination);
        }
    }
}
