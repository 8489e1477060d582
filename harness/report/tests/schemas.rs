//! The schemas that are published are those of what is written. `IKELAB_ACCEPT=1` writes them anew.

use std::path::Path;

use ikelab_dissect::Decoded;
use ikelab_report::{AuditLog, CellResult, IpsecSas, Results};
use schemars::{Schema, schema_for};

#[test]
fn the_published_schemas_are_those_of_what_is_written() {
    check("decode", "What `ikelab decode --json` prints", schema_for!(Decoded));
    check("run", "What `ikelab run --json` prints", schema_for!(Results));
    check("ipsec-sas", "What `ikelab show ipsec-sas --json` prints", schema_for!(IpsecSas));
    check("audit", "What `ikelab show audit --json` prints", schema_for!(AuditLog));
    check("results", "`results.json` in the directory of a run", schema_for!(CellResult));
}

fn check(name: &str, title: &str, mut schema: Schema) {
    schema.insert("title".to_owned(), title.into());
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"));
    if std::env::var_os("IKELAB_ACCEPT").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(published, text, "{} is not up to date", file.display());
}
