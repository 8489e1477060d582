//! What the README shows is what happens.

use std::fs;
use std::path::Path;

use crate::binary::{folder, top, word};
use crate::run::{cells, run};

/// What stands between the fences of the first block that begins so, after `from`.
fn block<'a>(text: &'a str, from: &str, fence: &str) -> &'a str {
    let rest = text.split_once(from).expect(from).1;
    let rest = rest.split_once(&format!("\n{fence}\n")).expect(fence).1;
    rest.split_once("```").expect("the block ends").0
}

#[test]
fn the_scenario_of_the_readme_passes_and_leaves_the_ladder_of_the_readme() {
    let readme = fs::read_to_string(top().join("README.md")).expect("a README");
    let folder = folder("readme");
    let file = folder.join("readme.yaml");
    fs::write(&file, block(&readme, "## One scenario", "```yaml")).expect("a file");
    let (done, results) = run(&folder, &[word(&file)]);
    assert_eq!(done.code, Some(0), "{}\n{}", done.out, done.err);
    let cells = cells(&results);
    let dir = cells.values().next().and_then(|cell| cell["dir"].as_str()).expect("one cell ran");
    let ladder = fs::read_to_string(Path::new(dir).join("ladder.txt")).expect("a ladder");
    assert_eq!(block(&readme, "its ladder is:", "```"), ladder);
}
