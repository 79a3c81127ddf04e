//! Who may make which call: every call of the document with every kind of credential.

mod credentials;

use std::{fmt::Write as _, path::Path};

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

pub(crate) use self::credentials::policies;
use self::credentials::{Credentials, Headers};
use crate::support::{ACCOUNT, Answer, Api, Contract, NOBODY};

/// Who may make a call, as the document says.
enum Access<'d> {
    Public,
    Anyone,
    Operator,
    Groups(Vec<&'d str>),
}

impl<'d> Access<'d> {
    fn of(operation: &'d Value) -> Self {
        if let Some(groups) = operation["x-permission-groups"].as_array() {
            Self::Groups(groups.iter().map(|name| name.as_str().unwrap()).collect())
        } else if operation["x-operator-only"] == true {
            Self::Operator
        } else if operation["security"] == json!([]) {
            Self::Public
        } else {
            Self::Anyone
        }
    }
}

/// A call, and how to make it.
struct Call<'d> {
    method: Method,
    path: &'d str,
    access: Access<'d>,
}

impl Call<'_> {
    /// Whether it acts where its path says, so that power elsewhere is of no use. Other calls list what one may see.
    fn is_placed(&self) -> bool {
        self.path.contains("{account_id}")
            || self.path.contains("{zone_id}")
            || self.path.starts_with("/user")
    }

    fn verifies(&self) -> bool {
        self.path.ends_with("/verify")
    }

    async fn made_by(&self, api: &Api, headers: &Headers) -> Answer {
        let zone = if self.path == "/zones/{zone_id}" && self.method == Method::DELETE {
            api.throwaway_zone().await
        } else {
            api.zone_id
        };
        let mut path = self.path.to_owned();
        for (name, value) in [
            ("account_id", ACCOUNT),
            ("zone_id", &zone.to_string()),
            ("dns_record_id", ACCOUNT),
            ("load_balancer_id", ACCOUNT),
            ("pool_id", ACCOUNT),
            ("token_id", ACCOUNT),
            ("permission_group_id", "ad170000000000000000000000000001"),
            ("resource", "logs"),
            ("hostname", "shop.example.com"),
            ("ip", "192.0.2.1"),
            ("ip_network_encoded", "192.0.2.0%2F24"),
        ] {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        // What is left is a UUID.
        while let (Some(start), Some(end)) = (path.find('{'), path.find('}')) {
            path.replace_range(start..=end, NOBODY);
        }
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("/client/v4{path}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        api.exchange(request.body(Body::from("{}")).unwrap()).await
    }
}

/// What became of a call: refused as it must be, let in, or neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Refused(u16, u64),
    LetIn,
    /// Failed by our own fault, which says nothing of who is let in.
    Broken(u16, u64),
}

impl Outcome {
    fn of(answer: &Answer) -> Self {
        let code = answer.body["errors"][0]["code"].as_u64().unwrap_or(0);
        let status = answer.status.as_u16();
        let is_refusal = matches!(status, 401 | 403) || matches!(code, 9106 | 6003 | 9103 | 9109 | 10_000);
        if answer.status.is_server_error() {
            Self::Broken(status, code)
        } else if is_refusal {
            Self::Refused(status, code)
        } else {
            Self::LetIn
        }
    }

    fn text(self) -> String {
        match self {
            Self::Refused(status, code) | Self::Broken(status, code) => format!("{status}/{code}"),
            Self::LetIn => "yes".to_owned(),
        }
    }
}

/// Each column of the table, and what the column's credential comes to.
fn columns(call: &Call<'_>) -> Vec<(&'static str, Outcome)> {
    use Outcome::{LetIn, Refused};
    let no_good = if call.verifies() {
        Refused(401, 1000)
    } else {
        Refused(403, 9109)
    };
    let no_power = Refused(403, 10_000);
    let mut columns = vec![
        ("none", Refused(400, 9106)),
        ("malformed", Refused(400, 6003)),
        ("unknown", no_good),
        ("expired", no_good),
        ("not yet valid", no_good),
        ("disabled", no_good),
        ("wrong address", no_good),
    ];
    columns.extend(match &call.access {
        Access::Groups(_) if call.is_placed() => [("wrong account", no_power), ("wrong group", no_power)],
        Access::Groups(_) => [("wrong account", LetIn), ("wrong group", no_power)],
        Access::Operator => [("wrong account", no_power), ("wrong group", no_power)],
        Access::Anyone if call.path.starts_with("/accounts") => [
            ("wrong account", Refused(401, 1000)),
            ("wrong group", Refused(401, 1000)),
        ],
        Access::Anyone | Access::Public => [("wrong account", LetIn), ("wrong group", LetIn)],
    });
    // A user has no token to verify.
    let user = if call.verifies() {
        Refused(401, 1000)
    } else {
        LetIn
    };
    columns.extend([("email and key", user), ("operator", LetIn)]);
    if matches!(call.access, Access::Public) {
        columns.iter_mut().for_each(|(_, outcome)| *outcome = LetIn);
    }
    columns
}

#[tokio::test]
async fn every_call_lets_in_whom_it_should_and_nobody_else() {
    let (api, contract) = (Api::new().await, Contract::get());
    let mut credentials = Credentials::make(&api).await;
    let mut table = String::new();
    let mut wrong = Vec::new();
    for (method, path, operation) in contract.calls() {
        let access = Access::of(operation);
        let call = Call { method, path, access };
        let mut row = format!("| {} `{path}` ", call.method);
        let columns = columns(&call);
        if table.is_empty() {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let lines = "| --- ".repeat(names.len() + 2);
            let _ = writeln!(
                table,
                "| call | {} | each right group |\n{lines}|",
                names.join(" | ")
            );
        }
        for (name, expected) in columns {
            let accepted: &[&str] = match &call.access {
                Access::Groups(groups) => groups,
                Access::Public | Access::Anyone | Access::Operator => &[],
            };
            let headers = credentials.named(&api, name, accepted).await;
            let outcome = Outcome::of(&call.made_by(&api, &headers).await);
            if outcome != expected {
                wrong.push(format!(
                    "{} {path}, {name}: {outcome:?}, not {expected:?}",
                    call.method
                ));
            }
            let _ = write!(row, "| {} ", outcome.text());
        }
        let mut let_in = Vec::new();
        if let Access::Groups(groups) = &call.access {
            for group in groups {
                let headers = credentials.with_group(&api, group).await;
                match Outcome::of(&call.made_by(&api, &headers).await) {
                    Outcome::LetIn => let_in.push(*group),
                    outcome @ (Outcome::Refused(..) | Outcome::Broken(..)) => {
                        wrong.push(format!("{} {path}, {group}: {outcome:?}", call.method))
                    }
                }
            }
        }
        let _ = writeln!(table, "{row}| {} |", let_in.join(", "));
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authorisation.md");
    std::fs::write(&file, table).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
