//! Golden views: each cell's ladder, and what else its scenario asks to be kept, in
//! `reports/golden/`, which mirrors `scenarios/`. A change of behaviour is a change of these files.
//!
//! A small matrix has a file for each cell. A large one has one file: its first cell whole, and of
//! every other cell the lines in which it differs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ikelab_cli::accepted::{CELLS_APART, file_name, together};
use insta::Settings;
use serde_json::Value;

use crate::binary::top;
use crate::run::{cells, library};

#[test]
fn what_was_accepted_before_has_not_changed() {
    let results = &library("direct").1;
    let ran = cells(results);
    let mut scenarios: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for value in results["cells"].as_array().expect("a list of cells") {
        let (scenario, cell) = (text(value, "scenario"), text(value, "cell"));
        let own = scenarios.entry(scenario).or_default();
        if let Some(kept) = ran.get(&(scenario.to_owned(), cell.to_owned()))
            && !own.iter().any(|(name, _)| *name == cell)
        {
            own.push((cell, kept));
        }
    }
    for cells in scenarios.values().filter(|cells| !cells.is_empty()) {
        if cells.len() > CELLS_APART {
            let all: Vec<_> = cells.iter().map(|(name, cell)| (*name, views(cell))).collect();
            compare(cells[0].1, "", &together(&all));
            continue;
        }
        for (name, cell) in cells {
            let name = if *name == "-" { String::new() } else { format!("@{}", file_name(name)) };
            compare(cell, &name, &views(cell));
        }
    }
}

/// Compares with the file of a scenario, or of one of its cells.
fn compare(cell: &Value, suffix: &str, views: &str) {
    let file = Path::new(text(cell, "file")).with_extension("");
    let mut place = file.components().rev().map(|part| part.as_os_str().to_string_lossy());
    let (Some(name), Some(topic)) = (place.next(), place.next()) else {
        panic!("{} is not in a folder", file.display());
    };
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path(top().join("reports/golden").join(topic.as_ref()));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(text(cell, "file"));
    settings.bind(|| insta::assert_snapshot!(format!("{name}{suffix}"), views));
}

fn text<'v>(cell: &'v Value, key: &str) -> &'v str {
    cell[key].as_str().unwrap_or_else(|| panic!("{key} in {cell}"))
}

fn views(cell: &Value) -> String {
    let file = Path::new(text(cell, "dir")).join("snapshot.txt");
    fs::read_to_string(file).expect("each run leaves its views")
}
