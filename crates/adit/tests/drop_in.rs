//! The stock client is exchanged for this binary, and nothing else: the same command lines, files, variables, signals and
//! names in DNS. Each scene runs with both programs, and with ours alone where there is no stock one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "drop_in/command_lines.rs"]
mod command_lines;
#[path = "drop_in/discovery.rs"]
mod discovery;
#[path = "drop_in/files.rs"]
mod files;
#[path = "drop_in/scene.rs"]
mod scene;
#[path = "drop_in/service.rs"]
mod service;
#[path = "drop_in/signals.rs"]
mod signals;
