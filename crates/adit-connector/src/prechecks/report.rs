//! What was seen, and what it comes to. No I/O.

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::table;
use crate::{Protocol, ProtocolChoice};

/// What is looked at. The order is that of the stock client's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Component {
    Dns,
    Udp,
    Tcp,
    Api,
}

impl Component {
    const fn name(self) -> &'static str {
        match self {
            Self::Dns => "DNS Resolution",
            Self::Udp => "UDP Connectivity",
            Self::Tcp => "TCP Connectivity",
            Self::Api => "Cloudflare API",
        }
    }

    /// In the report's JSON.
    const fn number(self) -> u8 {
        self as u8
    }
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pass,
    Fail,
    /// There was nothing to look at.
    Skip,
}

impl Status {
    const fn shown(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        }
    }

    const fn logged(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }

    /// In the report's JSON.
    const fn number(self) -> u8 {
        self as u8
    }
}

/// One look.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) component: Component,
    pub(super) target: String,
    pub(super) status: Status,
    pub(super) details: String,
    /// What to do about it, if it failed.
    action: String,
}

impl Row {
    pub(super) fn new(component: Component, target: &str, port: &str, status: Status, details: &str) -> Self {
        let action = match (status, component) {
            (Status::Pass | Status::Skip, _) => String::new(),
            (Status::Fail, Component::Dns) => {
                format!("See that DNS works here: `dig {target}` should answer.")
            }
            (Status::Fail, Component::Udp) => {
                format!("Allow outbound QUIC traffic on port {port} or use HTTP2.")
            }
            (Status::Fail, Component::Tcp) => format!("Allow outbound TCP on port {port}."),
            (Status::Fail, Component::Api) => {
                format!("The tunnel works without it; commands that need the API want TCP to {target}.")
            }
        };
        Self {
            component,
            target: target.to_owned(),
            status,
            details: details.to_owned(),
            action,
        }
    }
}

/// What all the looks come to.
#[derive(Clone, Debug)]
pub struct PrecheckReport {
    run: Uuid,
    rows: Vec<Row>,
    suggested: Option<Protocol>,
    program: String,
}

impl PrecheckReport {
    pub(super) fn new(rows: Vec<Row>, wanted: ProtocolChoice, program: String) -> Self {
        let suggested = suggested(&rows, wanted);
        Self {
            run: Uuid::new_v4(),
            rows,
            suggested,
            program,
        }
    }

    /// Whether no tunnel can be expected to come up: a name that DNS does not know, or no transport at all.
    #[must_use]
    pub fn hard_fail(&self) -> bool {
        self.fails(Component::Dns) || (self.fails(Component::Udp) && self.fails(Component::Tcp))
    }

    fn fails(&self, component: Component) -> bool {
        any(&self.rows, component, Status::Fail)
    }

    /// For people: a table, what to do, and a summary.
    pub(super) fn lines(&self) -> Vec<String> {
        let head = [["COMPONENT", "TARGET", "STATUS", "DETAILS"]];
        let rows = self.rows.iter().map(|row| {
            [
                row.component.name(),
                &row.target,
                row.status.shown(),
                &row.details,
            ]
        });
        let cells: Vec<_> = head.into_iter().chain(rows).collect();
        let mut lines = table::columns(&cells);
        let weight = if self.hard_fail() { "ERROR" } else { "WARNING" };
        let actions = self.rows.iter().filter(|row| !row.action.is_empty());
        lines.extend(actions.map(|row| format!("{weight}: {}", row.action)));
        lines.extend([String::new(), self.summary()]);
        lines
    }

    fn summary(&self) -> String {
        let program = &self.program;
        if self.hard_fail() {
            return format!(
                "SUMMARY: Environment has critical failures. {program} may not be able to establish a tunnel."
            );
        }
        let one_transport = self.fails(Component::Udp) != self.fails(Component::Tcp);
        let (state, use_of) = match one_transport || self.fails(Component::Api) {
            true => ("ready with degraded transport", "will proceed using"),
            false => ("healthy", "will use"),
        };
        let Some(protocol) = self.suggested else {
            return format!("SUMMARY: Environment is {state}.");
        };
        match state {
            "healthy" => {
                format!(
                    "SUMMARY: Environment is healthy. {program} {use_of} '{protocol}' as primary protocol."
                )
            }
            _ => format!("SUMMARY: Environment {state}. {program} {use_of} '{protocol}'."),
        }
    }

    /// A line for each look, and one for all; they share the run's id.
    pub(super) fn log(&self) {
        let run_id = tracing::field::display(self.run);
        for row in &self.rows {
            tracing::info!(
                run_id,
                component = row.component.name(),
                target = row.target,
                status = row.status.logged(),
                details = row.details,
                "precheck"
            );
        }
        let suggested_protocol = self.suggested.map(tracing::field::display);
        tracing::info!(
            run_id,
            hard_fail = self.hard_fail(),
            suggested_protocol,
            "precheck complete"
        );
    }

    /// As `prechecks.json` of `tunnel diag` has it: components, states and protocols are numbers there.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Look<'a> {
            #[serde(rename = "Type")]
            kind: u8,
            component: &'static str,
            target: &'a str,
            probe_status: u8,
            details: &'a str,
            action: &'a str,
        }
        let looks = self.rows.iter().map(|row| Look {
            kind: row.component.number(),
            component: row.component.name(),
            target: &row.target,
            probe_status: row.status.number(),
            details: &row.details,
            action: &row.action,
        });
        let suggested = self.suggested.map(|protocol| match protocol {
            Protocol::Http2 => 0,
            Protocol::Quic => 1,
        });
        json!({
            "RunID": self.run.to_string(),
            "Results": looks.collect::<Vec<_>>(),
            "SuggestedProtocol": suggested,
        })
    }
}

fn any(rows: &[Row], component: Component, status: Status) -> bool {
    rows.iter()
        .any(|row| row.component == component && row.status == status)
}

/// The wanted transport unless it fails; else the best one that passes everywhere.
fn suggested(rows: &[Row], wanted: ProtocolChoice) -> Option<Protocol> {
    let component = |protocol| match protocol {
        Protocol::Quic => Component::Udp,
        Protocol::Http2 => Component::Tcp,
    };
    let fails = |protocol| any(rows, component(protocol), Status::Fail);
    let passes = |protocol| any(rows, component(protocol), Status::Pass) && !fails(protocol);
    let wanted = match wanted {
        ProtocolChoice::Only(protocol) if !fails(protocol) => Some(protocol),
        ProtocolChoice::Only(_) | ProtocolChoice::Auto => None,
    };
    let best = [Protocol::Quic, Protocol::Http2]
        .into_iter()
        .find(|it| passes(*it));
    wanted.or(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(dns: Status, udp: Status, tcp: Status, api: Status) -> PrecheckReport {
        let row = |component, status| Row::new(component, "edge.example:7844", "7844", status, "so");
        let rows = vec![
            row(Component::Dns, dns),
            row(Component::Udp, udp),
            row(Component::Tcp, tcp),
            row(Component::Api, api),
        ];
        PrecheckReport::new(rows, ProtocolChoice::Auto, "adit".to_owned())
    }

    #[test]
    fn the_summary_says_what_is_in_the_way() {
        use Status::{Fail, Pass, Skip};
        for (seen, hard, suggested, words) in [
            (
                [Pass, Pass, Pass, Pass],
                false,
                Some(Protocol::Quic),
                "is healthy. adit will use 'quic' as",
            ),
            (
                [Pass, Pass, Fail, Pass],
                false,
                Some(Protocol::Quic),
                "degraded transport. adit will proceed using 'quic'",
            ),
            (
                [Pass, Fail, Pass, Pass],
                false,
                Some(Protocol::Http2),
                "degraded transport. adit will proceed using 'http2'",
            ),
            ([Pass, Pass, Pass, Fail], false, Some(Protocol::Quic), "degraded"),
            (
                [Pass, Fail, Fail, Pass],
                true,
                None,
                "has critical failures. adit may not",
            ),
            ([Fail, Skip, Skip, Pass], true, None, "has critical failures"),
        ] {
            let [dns, udp, tcp, api] = seen;
            let report = report(dns, udp, tcp, api);
            assert_eq!(
                (report.hard_fail(), report.suggested),
                (hard, suggested),
                "{seen:?}"
            );
            let last = report.lines().pop().unwrap();
            assert!(
                last.starts_with("SUMMARY: Environment ") && last.contains(words),
                "{last}"
            );
        }
    }

    #[test]
    fn failures_tell_what_to_do_as_errors_where_nothing_works_and_as_warnings_where_something_does() {
        use Status::{Fail, Pass};
        let lines = report(Pass, Fail, Fail, Pass).lines();
        assert!(lines.contains(&"ERROR: Allow outbound QUIC traffic on port 7844 or use HTTP2.".to_owned()));
        assert!(lines.contains(&"ERROR: Allow outbound TCP on port 7844.".to_owned()));
        let lines = report(Pass, Pass, Fail, Fail).lines();
        assert!(lines.contains(&"WARNING: Allow outbound TCP on port 7844.".to_owned()));
        assert_eq!(lines.iter().filter(|line| line.starts_with("WARNING")).count(), 2);
    }

    #[test]
    fn a_wanted_transport_is_suggested_unless_it_fails() {
        let rows = |udp| {
            let row = |component, status| Row::new(component, "e", "1", status, "");
            [row(Component::Udp, udp), row(Component::Tcp, Status::Pass)]
        };
        let only = ProtocolChoice::Only;
        assert_eq!(
            suggested(&rows(Status::Pass), only(Protocol::Http2)),
            Some(Protocol::Http2)
        );
        assert_eq!(
            suggested(&rows(Status::Skip), only(Protocol::Quic)),
            Some(Protocol::Quic)
        );
        assert_eq!(
            suggested(&rows(Status::Fail), only(Protocol::Quic)),
            Some(Protocol::Http2)
        );
    }

    #[test]
    fn the_json_has_the_stock_clients_names_and_numbers() {
        let json = report(Status::Pass, Status::Pass, Status::Fail, Status::Skip).to_json();
        let states: Vec<_> = json["Results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| &row["ProbeStatus"])
            .collect();
        assert_eq!(states, [0, 0, 1, 2]);
        assert_eq!(json["SuggestedProtocol"], 1);
        assert_eq!(json["Results"][2]["Type"], 2);
        assert_eq!(json["Results"][2]["Component"], "TCP Connectivity");
        assert!(json["RunID"].is_string());
    }
}
