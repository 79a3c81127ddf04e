//! This build has the server.

pub(crate) use crate::{
    backup::{BackupArgs, RestoreArgs},
    config::{ServerFlags, UpFlags},
    management_key::{ManagementKeyArgs, run as management_key},
    mesh::MeshArgs,
};
use crate::{
    compose::{self, Plan, Reread},
    config::Role,
    conformance,
    failure::Failure,
    runtime::{on_all_cores, one_shot},
};

/// Runs `adit up`.
///
/// # Errors
/// Says what is wrong with the configuration, or which part could not start.
pub(crate) fn up(flags: UpFlags) -> Result<(), Failure> {
    let settings = flags.settings()?;
    compose::run(Plan {
        role: Role::Up,
        settings,
        demo: !flags.no_demo,
        reread: flags
            .has_file()
            .then(|| -> Reread { Box::new(move || flags.settings()) }),
    })
}

/// Runs `adit server`.
///
/// # Errors
/// As [`up`].
pub(crate) fn server(flags: ServerFlags) -> Result<(), Failure> {
    let settings = flags.settings()?;
    if flags.conformance {
        return conformance::run(&settings);
    }
    compose::run(Plan {
        role: Role::Server,
        settings,
        demo: false,
        reread: Some(Box::new(move || flags.settings())),
    })
}

/// Runs `adit mesh …`.
///
/// # Errors
/// As the command itself.
pub(crate) fn mesh(args: MeshArgs) -> Result<(), Failure> {
    if args.serves() {
        on_all_cores(args.run())
    } else {
        one_shot(args.run())
    }
}

/// Runs `adit backup`.
///
/// # Errors
/// Says what could not be read or written.
pub(crate) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    one_shot(args.run())
}

/// Runs `adit restore`.
///
/// # Errors
/// Says what could not be read or written.
pub(crate) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    one_shot(args.run())
}
