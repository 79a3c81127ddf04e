use super::*;

fn management(host: &str) -> Management {
    let config = ManagementConfig {
        host: host.to_owned(),
        diagnostics: true,
        label: None,
        metrics: std::sync::Arc::new(String::new),
        logs: LogTap::new(),
    };
    Management {
        config,
        tunnel: TunnelId::random(),
        status: Status::new(adit_model::ConnectorId::random()),
        viewers: Semaphore::new(MAX_VIEWERS),
    }
}

#[test]
fn only_its_own_name_is_meant_with_or_without_a_port() {
    let service = management("management.example");
    for own in [
        "management.example",
        "management.example:443",
        "Management.Example",
        "management.example.",
        "management.example.:8443",
    ] {
        assert!(service.is_meant(own), "{own}");
    }
    for other in [
        "",
        "example",
        "x.management.example",
        "management.example:x",
        "management.exampl",
    ] {
        assert!(!service.is_meant(other), "{other}");
    }
}

#[test]
fn a_request_has_a_path_and_a_query() {
    assert_eq!(
        path_and_query("https://m.example/logs?a=b&c#d"),
        ("/logs", "a=b&c")
    );
    assert_eq!(path_and_query("/ping"), ("/ping", ""));
}

#[test]
fn what_is_not_there_or_turned_off_is_404_and_methods_are_told() {
    let mut service = management("m");
    let status = |service: &Management, method, path| service.answer(&method, path).status();
    assert_eq!(status(&service, Method::GET, "/ping"), StatusCode::OK);
    assert_eq!(status(&service, Method::HEAD, "/ping"), StatusCode::OK);
    assert_eq!(
        status(&service, Method::POST, "/ping"),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        status(&service, Method::HEAD, "/metrics"),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(status(&service, Method::GET, "/metrics"), StatusCode::OK);
    assert_eq!(
        status(&service, Method::GET, "/debug/pprof/heap"),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        status(&service, Method::GET, "/debug/pprof/cmdline"),
        StatusCode::NOT_FOUND
    );
    service.config.diagnostics = false;
    assert_eq!(status(&service, Method::GET, "/metrics"), StatusCode::NOT_FOUND);
    assert_eq!(status(&service, Method::GET, "/host_details"), StatusCode::OK);
}

#[test]
fn a_token_counts_only_for_its_tunnel_and_is_no_text_of_any_kind() {
    let service = management("m");
    for query in [
        "",
        "access_token=",
        "access_token=x",
        "token=a.b.c",
        "access_token=a.b.c&access_token=x",
    ] {
        assert_eq!(service.claims(query), None, "{query}");
    }
}
