//! The files of the project, without what is built or ignored.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are not the project's.
const SKIPPED: &[&str] = &["target", ".git", "latest"];
/// Endings of files that people read.
const TEXTS: &[&str] = &["rs", "md", "toml", "yaml", "yml", "sh", "py", "snap"];

/// The text files of a folder and what is below, by their paths from there.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: BTreeSet<String>,
    others: BTreeSet<String>,
}

/// The top of the workspace that this crate is a part of.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

impl Tree {
    /// Walks a folder.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn walk(root: &Path) -> Result<Self, String> {
        let mut tree =
            Self { root: root.to_path_buf(), files: BTreeSet::new(), others: BTreeSet::new() };
        tree.visit(root)?;
        Ok(tree)
    }

    /// A tree that has these paths and nothing in them.
    #[must_use]
    pub fn made_up(paths: &[&str]) -> Self {
        let files = paths.iter().map(|path| (*path).to_owned()).collect();
        Self { root: PathBuf::new(), files, others: BTreeSet::new() }
    }

    /// The paths of the text files, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not UTF-8.
    pub fn read(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(self.root.join(path)).map_err(|why| format!("{path}: {why}"))
    }

    /// True when `folder/target` is a file of the tree or a folder with files in it.
    #[must_use]
    pub fn has(&self, folder: &str, target: &str) -> bool {
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/').filter(|part| !part.is_empty()) {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                name => parts.push(name),
            }
        }
        let path = parts.join("/");
        let inside = format!("{path}/");
        let all = || self.files.iter().chain(&self.others);
        all().any(|file| *file == path || file.starts_with(&inside))
    }

    fn visit(&mut self, folder: &Path) -> Result<(), String> {
        let at = |why: std::io::Error| format!("{}: {why}", folder.display());
        for entry in fs::read_dir(folder).map_err(at)? {
            let path = entry.map_err(at)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if SKIPPED.contains(&name) {
                continue;
            }
            if path.is_dir() {
                self.visit(&path)?;
                continue;
            }
            let Ok(below) = path.strip_prefix(&self.root) else { continue };
            let below = below.to_string_lossy().into_owned();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let is_text = ending.is_some_and(|ending| TEXTS.contains(&ending));
            if is_text { &mut self.files } else { &mut self.others }.insert(below);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_meets_this_file() {
        let tree = Tree::walk(&root()).unwrap();
        assert!(tree.files().any(|path| path == "harness/tidy/src/tree.rs"));
        assert!(!tree.files().any(|path| path.starts_with("target/")));
        assert!(tree.has("", "LICENSE"), "a file that is not read can be linked to");
    }
}
