//! The example is a workspace of its own, as a user's is: it builds, a broken scenario fails with
//! the words of `ikelab run`, and a new file is not missed.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn example(target: &Path) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("example");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--offline", "--test", "scenarios"]).current_dir(folder);
    command.env("CARGO_TARGET_DIR", target).output().expect("cargo runs")
}

#[test]
#[ignore = "builds a second workspace: ci/stages/example.sh runs it"]
fn the_example_builds_and_a_new_file_is_a_test_at_once() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("example/scenarios");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example");
    let done = example(&target);
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
    assert!(text.contains("test site-to-site"), "{text}");
    let good = fs::read_to_string(scenarios.join("site-to-site.yaml")).expect("the scenario");
    let new = scenarios.join("broken-on-purpose.yaml");
    let broken = good.replace("name: site-to-site", "name: broken").replace("lost: 0", "lost: 3");
    fs::write(&new, broken).expect("a file");
    let done = example(&target);
    fs::remove_file(&new).expect("it was there");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!done.status.success(), "{text}");
    assert!(text.contains("broken-on-purpose.yaml:") && text.contains("expected 3"), "{text}");
}
