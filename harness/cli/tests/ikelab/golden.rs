//! Golden views: each cell's ladder, and what else its scenario asks to be kept, in
//! `reports/golden/`, which mirrors `scenarios/`. A change of behaviour is a change of these files.

use std::fs;
use std::path::Path;

use insta::Settings;

use crate::binary::{folder, top};
use crate::run::{cells, run};

#[test]
fn what_was_accepted_before_has_not_changed() {
    let (_, results) = run(&folder("golden"), &["scenarios", "--driver", "direct"]);
    for cell in cells(&results).values() {
        let text = |key: &str| cell[key].as_str().unwrap_or_else(|| panic!("{key} in {cell}"));
        let views = fs::read_to_string(Path::new(text("dir")).join("snapshot.txt"));
        let file = Path::new(text("file")).with_extension("");
        let mut place = file.components().rev().map(|part| part.as_os_str().to_string_lossy());
        let (Some(name), Some(topic)) = (place.next(), place.next()) else {
            panic!("{} is not in a folder", file.display());
        };
        let name = match text("cell") {
            "-" => name.into_owned(),
            values => format!("{name}@{values}"),
        };
        let mut settings = Settings::clone_current();
        settings.set_snapshot_path(top().join("reports/golden").join(topic.as_ref()));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_input_file(text("file"));
        let views = views.expect("each run leaves its views");
        settings.bind(|| insta::assert_snapshot!(name, views));
    }
}
