//! An unmodified `cloudflared` against `adit up`, with nothing but the variables of `adit env`.

use std::{path::Path, process::Output};

use adit_testing::{
    client,
    cloudflared::{self, Cloudflared, Options, Protocol},
    origin::Origin,
    skip, wait_for,
};

use crate::support::Adit;

async fn stock(adit: &Adit, binary: &Path, args: &[&str]) -> Output {
    let output = cloudflared::run(binary, adit.variables().await, args).await;
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[tokio::test]
async fn the_first_tunnel_of_a_new_user_works_with_the_stock_client() {
    let Some(binary) = cloudflared::binary() else {
        return skip(
            "the_first_tunnel_of_a_new_user_works_with_the_stock_client",
            cloudflared::ABSENT,
        );
    };
    let adit = Adit::start(&["--no-demo"]).await;
    let origin = Origin::start().await;
    stock(&adit, &binary, &["tunnel", "create", "shop"]).await;
    stock(
        &adit,
        &binary,
        &["tunnel", "route", "dns", "shop", "shop.adit.localhost"],
    )
    .await;
    let token = stock(&adit, &binary, &["tunnel", "token", "shop"]).await.stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    assert_eq!(
        adit.command(&["tunnel", "token", "shop"]).await.stdout.trim(),
        token
    );

    for protocol in Protocol::ALL {
        let options = Options::new(&binary, adit.listener("edge"), &adit.dir().join("ca.pem"), &token)
            .over(protocol)
            .serving(&origin.url());
        let mut connector = Cloudflared::start_ready(&options, 4).await;
        let answer = client::get(adit.listener("http"), "shop.adit.localhost", "/")
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{protocol}");
        // Both clients print the same columns.
        wait_for("four connections in `tunnel info`", async || {
            adit.command(&["tunnel", "info", "shop"])
                .await
                .stdout
                .contains("4xlocal01")
        })
        .await;
        let theirs = stock(&adit, &binary, &["tunnel", "info", "shop"]).await.stdout;
        let ours = adit.command(&["tunnel", "info", "shop"]).await.stdout;
        assert_eq!(ours, String::from_utf8(theirs).unwrap());
        connector.process.terminate().await;
    }
    stock(&adit, &binary, &["tunnel", "delete", "-f", "shop"]).await;
    assert!(!adit.command(&["tunnel", "list"]).await.stdout.contains("shop"));
}
