//! Finding scenarios: by path, by name, by what they say of themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ikelab_scenario::{Diagnostic, Scenario, Surroundings, Tables, parse_in};

use crate::day::today;

/// The folder that holds the scenarios of a project.
const FOLDER: &str = "scenarios";

/// What was found for the words of a command line.
#[derive(Debug, Default)]
pub(crate) struct Library {
    /// Scenarios, in order of their paths.
    pub(crate) scenarios: Vec<Scenario>,
    /// Files that were meant and cannot be run.
    pub(crate) refused: Vec<Refused>,
    /// Selectors that matched nothing.
    pub(crate) unmatched: Vec<String>,
    /// Files that have mistakes, in passing: nobody asked for them.
    pub(crate) aside: Vec<String>,
}

/// A file that cannot be run.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It cannot be read.
    Unreadable(String),
    /// It has mistakes.
    Mistaken(Vec<Diagnostic>),
    /// It has the name of another.
    Namesake(String),
}

/// What a word asks for.
enum Selector<'a> {
    Path(PathBuf),
    Name(&'a str),
    Tag(&'a str),
    Requirement(&'a str),
    Case(&'a str),
}

impl<'a> Selector<'a> {
    fn of(word: &'a str) -> Self {
        if let Some((kind, what)) = word.split_once(':') {
            match kind {
                "tag" => return Self::Tag(what),
                "req" => return Self::Requirement(what),
                "case" => return Self::Case(what),
                _ => {}
            }
        }
        let looks_like_a_path = word.contains(['/', '\\']) || word.ends_with(".yaml");
        if looks_like_a_path || Path::new(word).exists() {
            return Self::Path(PathBuf::from(word));
        }
        Self::Name(word)
    }

    fn matches(&self, scenario: &Scenario) -> bool {
        match self {
            Self::Path(_) => false,
            Self::Name(name) => scenario.name == *name,
            Self::Tag(tag) => scenario.tags.iter().any(|own| own == tag),
            Self::Requirement(id) => {
                scenario.covers.iter().any(|own| own == id || is_section_of(id, own))
            }
            Self::Case(id) => scenario.cases.iter().any(|own| own == id),
        }
    }
}

/// True when `section` (R7296-2.8) has the requirement `id` (R7296-2.8-04), whichever is longer.
fn is_section_of(one: &str, other: &str) -> bool {
    let within = |section: &str, id: &str| {
        id.strip_prefix(section).is_some_and(|rest| rest.starts_with('-'))
    };
    within(one, other) || within(other, one)
}

/// The top of the project: the nearest folder, from here upwards, that has scenarios.
pub(crate) fn top() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|folder| folder.join(FOLDER).is_dir());
    match found {
        Some(folder) if folder != here => folder.to_path_buf(),
        Some(_) | None => PathBuf::new(),
    }
}

impl Library {
    /// Finds what the words of a command line mean; no word means all.
    pub(crate) fn find(words: &[String]) -> Self {
        let mut library = Self::default();
        let tables = Arc::new(Tables::builtin());
        let all = [top().join(FOLDER).to_string_lossy().into_owned()];
        let words = if words.is_empty() { &all } else { words };
        let mut files = Files { tables, read: BTreeMap::new() };
        let mut chosen = BTreeMap::new();
        for word in words {
            let found = files.select(&Selector::of(word), &mut library);
            if found.is_empty() {
                library.unmatched.push(word.clone());
            }
            for path in found {
                chosen.insert(path, ());
            }
        }
        for (path, read) in files.read {
            let meant = chosen.contains_key(&path);
            match read {
                Read::Scenario(scenario) if meant => library.take(*scenario),
                Read::Refused(refused) if meant => library.refused.push(refused),
                Read::Refused(_) => library.aside.push(path.display().to_string()),
                Read::Scenario(_) | Read::Other => {}
            }
        }
        library
    }

    /// Keeps a scenario, unless another has its name: the two would write to one place.
    fn take(&mut self, scenario: Scenario) {
        match self.scenarios.iter().find(|other| other.name == scenario.name) {
            None => self.scenarios.push(scenario),
            Some(other) if is_one_file(&other.source.path, &scenario.source.path) => {}
            Some(other) => self.refused.push(Refused::Namesake(format!(
                "{}: the name {} is taken by {}",
                scenario.source.path, scenario.name, other.source.path
            ))),
        }
    }
}

/// The files that were read, each once.
struct Files {
    tables: Arc<Tables>,
    read: BTreeMap<PathBuf, Read>,
}

enum Read {
    Scenario(Box<Scenario>),
    Refused(Refused),
    /// A YAML file that is no scenario.
    Other,
}

impl Files {
    /// The files that a selector means.
    fn select(&mut self, selector: &Selector<'_>, library: &mut Library) -> Vec<PathBuf> {
        if let Selector::Path(path) = selector {
            return self.path(path, library);
        }
        let mut paths = Vec::new();
        walk(&top().join(FOLDER), &mut paths);
        paths.retain(|path| match self.read(path) {
            Read::Scenario(scenario) => selector.matches(scenario),
            Read::Refused(_) => matches!(selector, Selector::Name(name) if is_named(path, name)),
            Read::Other => false,
        });
        paths
    }

    /// The scenarios of a folder, or one file that must be a scenario.
    fn path(&mut self, path: &Path, library: &mut Library) -> Vec<PathBuf> {
        if path.is_dir() {
            let mut paths = Vec::new();
            walk(path, &mut paths);
            paths.retain(|path| !matches!(self.read(path), Read::Other));
            return paths;
        }
        if !path.exists() {
            let what = format!("{}: there is no such file or folder", path.display());
            library.refused.push(Refused::Unreadable(what));
            return vec![path.to_path_buf()];
        }
        if matches!(self.read(path), Read::Other) {
            let what = format!("{}: no scenario: its first key is not `ikelab: 1`", path.display());
            self.read.insert(path.to_path_buf(), Read::Refused(Refused::Unreadable(what)));
        }
        vec![path.to_path_buf()]
    }

    fn read(&mut self, path: &Path) -> &Read {
        let tables = &self.tables;
        self.read.entry(path.to_path_buf()).or_insert_with(|| read(path, tables))
    }
}

fn read(path: &Path, tables: &Arc<Tables>) -> Read {
    let shown = path.display().to_string();
    match fs::read_to_string(path) {
        Err(why) => Read::Refused(Refused::Unreadable(format!("{shown}: {why}"))),
        Ok(text) if !is_scenario(&text) => Read::Other,
        Ok(text) => match parse_in(&shown, &text, tables, &surroundings(&today())) {
            Ok(scenario) => Read::Scenario(Box::new(scenario)),
            Err(mistakes) => Read::Refused(Refused::Mistaken(mistakes)),
        },
    }
}

/// Files lie on the disk, and days come and go.
pub(crate) fn surroundings(today: &str) -> Surroundings<'_> {
    let load = &|path: &str| fs::read_to_string(path).map_err(|why| why.to_string());
    Surroundings { load, today: Some(today) }
}

/// A YAML file is a scenario when it has the key `ikelab` at its beginning.
pub(crate) fn is_scenario(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    first.is_some_and(|line| line.starts_with("ikelab:"))
}

/// Whether a file that cannot be parsed says that it has this name.
fn is_named(path: &Path, name: &str) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.strip_prefix("name:").is_some_and(|rest| rest.trim() == name))
}

/// Whether two paths lead to one file.
fn is_one_file(one: &str, other: &str) -> bool {
    fs::canonicalize(one).ok().is_some_and(|one| fs::canonicalize(other).ok() == Some(one))
}

/// The YAML files of a folder and below, in order.
pub(crate) fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yaml_file_without_the_key_is_no_scenario() {
        assert!(is_scenario("# comment\n\nikelab: 1\nname: a\n"));
        assert!(!is_scenario("name: a\nikelab: 1\n"));
        assert!(!is_scenario(""));
    }

    #[test]
    fn a_requirement_is_found_by_its_section_and_a_section_by_its_requirement() {
        assert!(is_section_of("R7296-2.8", "R7296-2.8-04"));
        assert!(is_section_of("R7296-2.8-04", "R7296-2.8"));
        assert!(!is_section_of("R7296-2.8", "R7296-2.8.1-03"));
    }
}
