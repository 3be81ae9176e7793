//! The committed code says what `proto/docdb/v1` says.
//!
//! Refresh it after a change of the contract:
//! `DOCDB_REGENERATE=1 cargo test -p docdb-ipc --test generated`

use std::path::Path;

const FILES: [&str; 1] = ["docdb/v1/docdb.proto"];

/// Messages that are rare and large stay out of the way of those that are frequent and small.
const BOXED: [&str; 4] = [
    ".docdb.v1.Error.context",
    ".docdb.v1.OperationResult.error",
    ".docdb.v1.Response.error",
    ".docdb.v1.Response.result.stats",
];

#[test]
fn the_generated_code_is_what_the_contract_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = root.join("src/generated/docdb.v1.rs");
    let fresh = tempfile::tempdir().unwrap();

    let descriptors = protox::compile(FILES, [root.join("../../proto")]).unwrap();
    let mut config = prost_build::Config::new();
    config.out_dir(fresh.path()).bytes(["."]);
    for path in BOXED {
        config.boxed(path);
    }
    config.compile_fds(descriptors).unwrap();
    let generated = std::fs::read_to_string(fresh.path().join("docdb.v1.rs")).unwrap();

    if std::env::var_os("DOCDB_REGENERATE").is_some() {
        std::fs::write(&committed, &generated).unwrap();
    }
    assert!(
        std::fs::read_to_string(&committed).unwrap_or_default() == generated,
        "run DOCDB_REGENERATE=1 cargo test -p docdb-ipc --test generated, and read the difference"
    );
}
