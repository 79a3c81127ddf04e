use proptest::prelude::*;

use super::*;

fn http(text: &str) -> (bool, String) {
    let Service::Http(origin) = Service::parse(text).unwrap() else {
        panic!("{text} is no HTTP service");
    };
    (origin.tls, origin.at.to_string())
}

#[test]
fn url_services_know_their_scheme_and_default_port() {
    assert_eq!(
        http("http://localhost:8080"),
        (false, "localhost:8080".to_owned())
    );
    assert_eq!(http("https://web"), (true, "web:443".to_owned()));
    assert_eq!(http("ws://[::1]"), (false, "[::1]:80".to_owned()));
    assert_eq!(http("wss://web"), (true, "web:443".to_owned()));
    assert_eq!(Service::parse("ssh://box").unwrap().to_string(), "ssh://box:22");
    assert_eq!(
        Service::parse("mysql://db:3306").unwrap().to_string(),
        "mysql://db:3306"
    );
}

#[test]
fn built_in_services_and_sockets_are_read() {
    for text in [
        "unix:/run/x.sock",
        "unix+tls:/run/x.sock",
        "http_status:418",
        "bastion",
        "socks-proxy",
    ] {
        assert_eq!(Service::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(Service::parse("hello-world"), Ok(Service::HelloWorld));
    assert_eq!(Service::parse("hello_world"), Ok(Service::HelloWorld));
}

#[test]
fn each_mistake_is_named() {
    let refused = |text: &str| Service::parse(text).unwrap_err();
    for text in [
        "",
        "localhost",
        "localhost:8080",
        "http://",
        "http://:80",
        "unix:",
    ] {
        assert_eq!(refused(text), IngressError::NoAddress(text.to_owned()), "{text}");
    }
    for text in ["http://a/", "http://a/b"] {
        assert_eq!(
            refused(text),
            IngressError::AddressHasPath(text.to_owned()),
            "{text}"
        );
    }
    assert!(Service::parse("http://a?q").is_ok());
    assert_eq!(
        refused("mysql://db"),
        IngressError::NoPort("mysql://db".to_owned())
    );
    for status in ["", "99", "1000", "ok"] {
        let text = format!("http_status:{status}");
        assert_eq!(
            refused(&text),
            IngressError::BadStatus(status.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_url_is_refused_in_the_words_that_users_know() {
    for (text, says) in [
        (
            "http://a:80 ",
            r#"parse "http://a:80 ": invalid port ":80 " after host"#,
        ),
        (
            "http://a:x",
            r#"parse "http://a:x": invalid port ":x" after host"#,
        ),
        (
            "http://a:0",
            r#"parse "http://a:0": invalid port ":0" after host"#,
        ),
        (
            "http://a b:80",
            r#"parse "http://a b:80": invalid character " " in host name"#,
        ),
        ("http://%zz", r#"parse "http://%zz": invalid URL escape "%zz""#),
        (
            "127.0.0.1:80",
            r#"parse "127.0.0.1:80": first path segment in URL cannot contain colon"#,
        ),
        (
            " http://a",
            r#"parse " http://a": first path segment in URL cannot contain colon"#,
        ),
        (
            "1http://x",
            r#"parse "1http://x": first path segment in URL cannot contain colon"#,
        ),
        ("://x", r#"parse "://x": missing protocol scheme"#),
        (
            "http://a\tb",
            r#"parse "http://a\tb": net/url: invalid control character in URL"#,
        ),
    ] {
        assert_eq!(Service::parse(text).unwrap_err().to_string(), says);
    }
}

#[test]
fn the_url_flag_forgives_a_missing_scheme_and_a_path() {
    let read = |text| Service::from_url_flag(text).unwrap().to_string();
    assert_eq!(read("localhost:8080"), "http://localhost:8080");
    assert_eq!(read("https://web/login?next=1"), "https://web");
    assert_eq!(read("http_status:404"), "http_status:404");
    assert!(Service::from_url_flag("").is_err());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(text in "(http|https|ws|wss|tcp|ssh)://[a-z][a-z0-9.-]{0,20}(:[1-9][0-9]{0,3})?") {
        let service = Service::parse(&text).unwrap();
        prop_assert_eq!(Service::parse(&service.to_string()).unwrap(), service);
    }

    #[test]
    fn no_input_panics(text in ".{0,60}") {
        let _ = Service::parse(&text);
        let _ = Service::from_url_flag(&text);
    }
}
