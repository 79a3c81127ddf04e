//! The committed code is what the schemas say.

use std::{fs, path::Path, process::Command};

use adit_testing::skip;

const SCHEMAS: [&str; 2] = ["control", "stream"];

#[test]
fn the_committed_code_matches_its_schemas() {
    if Command::new("capnp").arg("--version").output().is_err() {
        return skip(
            "the_committed_code_matches_its_schemas",
            "no `capnp` on PATH (Debian package capnproto)",
        );
    }
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = tempfile::tempdir().unwrap();
    let mut compiler = capnpc::CompilerCommand::new();
    compiler
        .src_prefix(crate_dir.join("schema"))
        .no_standard_import()
        .output_path(output.path());
    for schema in SCHEMAS {
        compiler.file(crate_dir.join(format!("schema/{schema}.capnp")));
    }
    compiler.run().unwrap();
    for schema in SCHEMAS {
        let name = format!("{schema}_capnp.rs");
        let fresh = fs::read_to_string(output.path().join(&name)).unwrap();
        let committed = crate_dir.join("src").join(&name);
        if std::env::var_os("ADIT_GENERATE").is_some() {
            fs::write(&committed, &fresh).unwrap();
        }
        assert!(
            fs::read_to_string(&committed).is_ok_and(|old| old == fresh),
            "{name} is out of date: run ADIT_GENERATE=1 cargo test -p adit-wire-capnp"
        );
    }
}
