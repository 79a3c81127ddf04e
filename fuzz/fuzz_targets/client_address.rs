//! Who a client is, by what proxies say: a line of `X-Forwarded-For` behind a trusted proxy and before none.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use adit_core::client_address::{client_address, is_trusted};
use adit_fuzz::bounded;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().expect("a net"));
    let [proxy, stranger] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(198, 51, 100, 1)].map(IpAddr::V4);
    let told = || text.split(',').map(str::trim);
    let client = bounded(64 * 1024, || client_address(&trusted, proxy, told()));
    // Whoever it is has been named, and nobody is taken for a proxy that is one.
    let named = told()
        .filter_map(|item| item.parse::<IpAddr>().ok())
        .any(|item| item.to_canonical() == client);
    assert!(client == proxy || (named && !is_trusted(&trusted, client)));
    // What stands before the first stranger from the right is of no account.
    let forged = format!("6.6.6.6, {text}");
    let again = client_address(&trusted, proxy, forged.split(',').map(str::trim));
    assert!(again == client || client == proxy);
    assert_eq!(client_address(&trusted, stranger, told()), stranger);
});
