//! The rules of the house, held against the house.

use std::process::Command;

use ikelab_tidy::{Tree, house, root};

#[test]
fn the_house_keeps_its_rules() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata = String::from_utf8(metadata.stdout).expect("cargo prints UTF-8");
    let tree = Tree::walk(&root()).expect("the tree can be walked");

    let complaints = house(&tree, &metadata).expect("the tree can be read");

    let (broken, taste): (Vec<_>, Vec<_>) = complaints.iter().partition(|one| one.fails);
    for complaint in taste {
        println!("taste: {complaint}");
    }
    let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{} rules broken:\n{}", broken.len(), broken.join("\n"));
}
