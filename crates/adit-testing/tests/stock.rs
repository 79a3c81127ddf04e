//! The stock connector runs under the harness, and stays away from what is the user's.

use std::{net::SocketAddr, path::Path};

use adit_testing::{
    cloudflared::{self, Cloudflared, Options},
    skip,
};

#[tokio::test]
async fn a_stock_command_runs_to_its_end() {
    let Some(binary) = cloudflared::binary() else {
        return skip("a_stock_command_runs_to_its_end", cloudflared::ABSENT);
    };
    let nothing: [(&str, &str); 0] = [];
    let output = cloudflared::run(&binary, nothing, &["--version"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("cloudflared version "));
}

#[tokio::test]
async fn a_stock_connector_without_an_edge_has_no_connection() {
    let Some(binary) = cloudflared::binary() else {
        return skip(
            "a_stock_connector_without_an_edge_has_no_connection",
            cloudflared::ABSENT,
        );
    };
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ca.pem"),
        &ca,
    )
    .unwrap();
    // The discard port: nobody listens there.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    // {"a":"00000000000000000000000000000000","t":"00000000-0000-4000-8000-000000000000","s":"AAAA"}
    let token = "eyJhIjoiMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJ0IjoiMDAwMDAwMDAtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAwIiwicyI6IkFBQUEifQ==";
    let mut connector = Cloudflared::start(&Options::new(&binary, nobody, &ca, token)).await;
    assert_eq!(connector.connections().await, 0);
    connector.process.terminate().await;
}
