//! What a tunnel costs, measured on loopback with origin, edge and connector as separate processes.
//!
//! `cargo xtask bench` builds for release and calls `adit-bench run`, or `adit-bench api`, `adit-bench edge`,
//! `adit-bench connector`, `adit-bench calm`, `adit-bench mesh` and `adit-bench failover`, which [`api`], [`edge`], [`connector`],
//! [`calm`], [`mesh`] and [`failover`] describe. The modes take turns, so that whatever else the machine
//! does meets all of them alike. Client and origin are this program's own: the figures do not depend on what is installed,
//! and hold one thread each.

mod api;
mod args;
mod calm;
mod connector;
mod edge;
mod failover;
mod figures;
mod load;
mod mesh;
mod modes;
mod origin;
mod report;
mod rounds;
mod targets;

use std::{io::Write, process::ExitCode};

use args::{Command, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match Command::parse(&args) {
        Ok(Command::Help) => {
            print(args::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Origin) => origin::serve().await,
        Ok(Command::PrivateEdge) => edge::private_edge().await,
        Ok(Command::Run(options)) => run(options).await,
        Ok(Command::Api(options)) => api::run(&options).await,
        Ok(Command::Edge(options)) => edge::run(&options).await,
        Ok(Command::Connector(options)) => connector::run(&options).await,
        Ok(Command::Calm(options)) => calm::run(&options).await,
        Ok(Command::Mesh(options)) => mesh::run(&options).await,
        Ok(Command::Failover(options)) => failover::run(&options).await,
        Ok(Command::MeshNode(node)) => mesh::node(node).await,
        Ok(Command::MeshHub(listen)) => mesh::serve_hub(&listen),
        Err(mistake) => {
            say(&format!("{mistake}\n\n{}", args::USAGE));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("bench: {failure:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    let (_origin, mut modes) = modes::start(&options).await?;
    rounds::measure(&mut modes, &options).await?;
    print(&report::tables(&modes));
    print(&targets::table(&modes));
    Ok(())
}

/// A result: to stdout. A closed pipe is no failure.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Everything else: to stderr.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
