//! The house checks itself.
//!
//! What the compiler cannot keep and a machine can, is kept here: that dependencies go down the
//! floors, that an outside crate is used where it belongs, that a file says what it is for. Each
//! rule is a function from text to complaints, so that each can be shown to fail; the test in
//! `tests/house.rs` holds them against the real tree.

mod floors;
mod links;
mod manifest;
mod scenarios;
mod sources;
mod texts;
mod tree;

use std::fmt;

pub use floors::floors;
pub use links::links;
pub use manifest::{Dependency, Kind, Member, members};
pub use scenarios::{goldens, scenario};
pub use sources::source;
pub use texts::text;
pub use tree::{Tree, root};

/// A rule that a place in the tree does not keep.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Complaint {
    /// The file, and the line where that helps: `harness/ike/src/lib.rs:12`.
    pub place: String,
    /// What was met, and what was expected.
    pub what: String,
    /// False for a matter of taste, which is printed and fails nothing.
    pub fails: bool,
}

impl Complaint {
    fn rule(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), fails: true }
    }

    fn taste(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), fails: false }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Holds every rule against the tree under `root`, whose packages `metadata` lists as
/// `cargo metadata --no-deps --format-version 1` prints them.
///
/// # Errors
/// When `metadata` is not what cargo prints, or a file cannot be read.
pub fn house(tree: &Tree, metadata: &str) -> Result<Vec<Complaint>, String> {
    let mut complaints = floors(&members(metadata)?);
    for path in tree.files() {
        let content = tree.read(path)?;
        complaints.extend(text(path, &content));
        if has_suffix(path, ".rs") {
            complaints.extend(source(path, &content));
        }
        if has_suffix(path, ".md") {
            complaints.extend(links(path, &content, tree));
        }
        if path.starts_with("scenarios/") && has_suffix(path, ".yaml") {
            complaints.extend(scenario(path, &content));
        }
        // An example is a workspace of its own, as a user's is.
        let example = path.contains("/example/");
        if path.starts_with("harness/") && !example && has_suffix(path, "/Cargo.toml") {
            complaints.extend(manifest::inherited(path, &content));
        }
    }
    complaints.extend(goldens(tree));
    complaints.sort();
    Ok(complaints)
}

/// True when `path` ends so; written out because the ending may hold a folder.
fn has_suffix(path: &str, suffix: &str) -> bool {
    path.ends_with(suffix)
}
