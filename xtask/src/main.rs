//! The project's own tasks, run as `cargo xtask TASK`.
//!
//! [`ci`] is what CI runs, [`mod@test`] runs the tests, [`layers`] holds the arrows between the crates, [`connector`]
//! what is in the build without a server, [`mod@bench`] measures and [`fuzz`] looks for inputs that break a decoder. Tasks only start
//! other programs: this crate stays small, because every task waits for its build.

mod bench;
mod ci;
mod connector;
mod fuzz;
mod layers;
mod packages;
mod step;
mod test;

use std::process::ExitCode;

use step::say;

const USAGE: &str = "\
usage: cargo xtask TASK

  ci [--skip STEP]...           what CI runs, in this order: fmt, clippy, connector, layers, doc, test
  test [--long] [-- ARGS]       the tests: nextest when present, else cargo test; then the doctests.
                                --long adds the fault, scale and peer suites (those that ask for ADIT_LONG).
                                ARGS go to the runner in place of --workspace, such as `-- -p adit-wire`
  connector                     fails when the build that is a connector alone compiles something of a server
  layers                        fails when a crate depends on one it must not know
  bench [api|edge|connector|calm|mesh|failover] [--quick] [-- ARGS]
                                builds for release and measures tunnels, the REST API, what else an edge does, or the
                                connector;
                                ARGS go to adit-bench (`-- --help` lists them)
  fuzz [TARGET] [--seconds N]   looks for inputs that break the decoders of a peer's bytes, N seconds (60) per target;
                                needs cargo-fuzz and a C++ compiler";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((task, rest)) = args.split_first() else {
        say(USAGE);
        return ExitCode::from(2);
    };
    let done = match task.as_str() {
        "ci" => ci::Options::parse(rest).map(|options| ci::run(&options)),
        "test" => test::Options::parse(rest).map(|options| test::run(&options)),
        "connector" => no_arguments(rest).map(|()| connector::dependencies()),
        "layers" => no_arguments(rest).map(|()| layers::run()),
        "bench" => bench::Options::parse(rest).map(|options| bench::run(&options)),
        "fuzz" => fuzz::Options::parse(rest).map(|options| fuzz::run(&options)),
        "help" | "--help" | "-h" => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => Err(Usage(format!("no task is called {task:?}"))),
    };
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            say(format!("\n{task}: {failure:#}"));
            ExitCode::FAILURE
        }
        Err(Usage(mistake)) => {
            say(format!("{mistake}\n\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq)]
struct Usage(String);

impl Usage {
    fn unknown(argument: &str) -> Self {
        Self(format!("unknown argument {argument:?}"))
    }
}

fn no_arguments(args: &[String]) -> Result<(), Usage> {
    args.first()
        .map_or(Ok(()), |argument| Err(Usage::unknown(argument)))
}

#[cfg(test)]
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
