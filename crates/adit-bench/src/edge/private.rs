//! A private TCP flow beside the public way: the same bodies from the same origin through the same connector, by an
//! address that only the connector's host can see and by a public name.

use std::{net::SocketAddr, path::Path, time::Duration};

use adit_testing::cloudflared::{Cloudflared, Options, Protocol};
use tempfile::TempDir;

use super::Scale;
use crate::{
    figures::Line,
    load::{Moved, Proxy, Target, download, upload},
    modes::{Way, edge::Edge, start_origin, stock, unless_it_panics},
};

/// What private bulk reaches of the public way's, at least.
const LEAST_SHARE: f64 = 0.9;

/// One direction: MB/s of each way, round by round.
#[derive(Default)]
struct Figures {
    private: Vec<f64>,
    public: Vec<f64>,
}

pub(super) async fn measure(program: &Path, scale: Scale, window: Duration) -> anyhow::Result<Vec<Line>> {
    let (_origin, origin) = start_origin().await?;
    let mut lines = Vec::new();
    for (over, name) in [(Protocol::Quic, "QUIC"), (Protocol::Http2, "HTTP/2")] {
        let (way, private, _home) = unless_it_panics(start(program, origin, over)).await?;
        let (mut down, mut up) = (Figures::default(), Figures::default());
        for _ in 0..scale.rounds {
            down.private.push(rate(download(&private, window).await?));
            down.public.push(rate(download(&way.target, window).await?));
            up.private.push(rate(upload(&private, window).await?));
            up.public.push(rate(upload(&way.target, window).await?));
        }
        lines.extend(down.lines(&format!("private TCP download, stock over {name}")));
        lines.extend(up.lines(&format!("private TCP upload, stock over {name}")));
    }
    Ok(lines)
}

/// The public way, and the private one beside it. What the connector keeps must live as long.
async fn start(program: &Path, origin: SocketAddr, over: Protocol) -> anyhow::Result<(Way, Target, TempDir)> {
    let args = [
        "--private-proxy-listen",
        "127.0.0.1:0",
        "--private-allow",
        "127.0.0.0/8",
    ];
    let edge = Edge::start_with(program, &args).await?;
    let tunnel = edge.api.create_public_tunnel("bench").await?;
    edge.api.route_network(&tunnel.id, "127.0.0.1/32").await?;
    let private = Target {
        addr: edge.listener("private_proxy")?,
        host: origin.to_string(),
        proxy: Some(Proxy::new(origin, "default", edge.api.token())),
    };
    let options = Options::new(&stock()?, edge.listener("edge")?, &edge.ca(), &tunnel.token)
        .over(over)
        .configured(&format!(
            "warp-routing:\n  enabled: true\ningress:\n- service: http://{origin}\n"
        ));
    let options = Options {
        log_level: "info",
        ..options
    };
    let (connector, home) = Cloudflared::start(&options).await.into_parts();
    let way = edge.finish(connector, &tunnel.id, &tunnel.host).await?;
    Ok((way, private, home))
}

fn rate(moved: Moved) -> f64 {
    moved.bytes as f64 / 1e6 / moved.took.as_secs_f64()
}

impl Figures {
    fn lines(&self, name: &str) -> [Line; 2] {
        let shares: Vec<f64> = self
            .private
            .iter()
            .zip(&self.public)
            .map(|(private, public)| private / public)
            .collect();
        [
            Line::seen(format!("{name}: MB/s"), &self.private),
            Line::at_least(
                format!("{name}: of the public way's rate"),
                &shares,
                Some(LEAST_SHARE),
            ),
        ]
    }
}
