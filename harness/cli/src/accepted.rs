//! Views that were accepted before, and how a run differs from them.
//!
//! One rule says where they lie, for `ikelab run`, for `ikelab-test` and for the project's own tests:
//! those of `scenarios/TOPIC/NAME.yaml` in `reports/golden/TOPIC/`, where there is such a folder
//! beside `scenarios/`; those of any other file in `accepted/` beside it. A cell has a file of its
//! own, `NAME@CELL.snap`; of a large matrix all cells share one, of which the first is whole, and
//! the others are the lines in which they differ from it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ikelab_trace::sha256;

/// A matrix of more cells than this is large.
pub const CELLS_APART: usize = 8;
/// Lines of a difference that are shown.
const SHOWN_MAX: usize = 40;
/// Comparisons that are made to find the least difference: more would take long.
const WORK_MAX: usize = 4_000_000;

/// Octets of a cell's name in the name of a file; file systems take 255 for all of it.
const CELL_MAX: usize = 150;

/// A cell's name as a part of a file's name: without slashes, and not too long.
#[must_use]
pub fn file_name(cell: &str) -> String {
    let name = cell.replace(['/', '\\'], "__");
    if name.len() <= CELL_MAX {
        return name;
    }
    let begins: String = name.chars().take(CELL_MAX / 4).collect();
    let rest = sha256(name.as_bytes());
    format!("{begins}~{}", rest.get(..16).unwrap_or_default())
}

/// Where the accepted views of a scenario lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    stem: String,
    /// True when all cells share one file.
    large: bool,
}

/// What comparing came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Compared {
    /// The views are as they were.
    Same,
    /// Nothing was accepted yet, and would lie here.
    Missing(PathBuf),
    /// The view in which they begin to differ, the lines, and the file.
    Differ { view: String, lines: Vec<String>, file: PathBuf },
}

impl Shelf {
    /// That of a scenario with so many cells that run.
    pub(crate) fn of(file: &Path, cells: usize) -> Self {
        let whole = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
        let stem = whole.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let own = whole.parent().unwrap_or(Path::new("")).to_path_buf();
        let folder = golden(&own).unwrap_or_else(|| own.join("accepted"));
        Self { folder, stem, large: cells > CELLS_APART }
    }

    fn file(&self, cell: &str) -> PathBuf {
        let alone = self.large || cell == "-";
        let cell = if alone { String::new() } else { format!("@{}", file_name(cell)) };
        self.folder.join(format!("{}{cell}.snap", self.stem))
    }

    /// Compares the views of a cell with those that were accepted.
    pub(crate) fn compare(&self, cell: &str, now: &str) -> Compared {
        let file = self.file(cell);
        let Some(kept) = fs::read_to_string(&file).ok().and_then(|text| self.of_cell(&text, cell))
        else {
            return Compared::Missing(file);
        };
        let (before, now) = match &kept {
            Kept::Whole(text) => (text.clone(), now.trim_end().to_owned()),
            Kept::Against(whole, lines) => (lines.clone(), apart(whole, now).join("\n")),
        };
        if before == now {
            return Compared::Same;
        }
        let lines = apart(&before, &now);
        Compared::Differ { view: view_of_first(&before, &now), lines, file }
    }

    /// What a file keeps of a cell.
    fn of_cell(&self, text: &str, cell: &str) -> Option<Kept> {
        // `insta` writes what a file is about before it.
        let body = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let body = body.map_or(text, |(_, body)| body).trim_end();
        if !self.large {
            return Some(Kept::Whole(body.to_owned()));
        }
        let mut sections = body.strip_prefix("==== ")?.split("\n==== ");
        let (first, whole) = sections.next()?.split_once('\n')?;
        let whole = whole.trim_end();
        if first == cell {
            return Some(Kept::Whole(whole.to_owned()));
        }
        let lines = sections.find_map(|section| {
            let (head, lines) = section.split_once('\n').unwrap_or((section, ""));
            let name = head.strip_suffix(": the lines that differ")?;
            (name == cell).then(|| lines.trim_end().to_owned())
        })?;
        Some(Kept::Against(whole.to_owned(), lines))
    }

    /// Keeps the views of cells; gives the files. `scenario` is what they say they are about.
    ///
    /// # Errors
    /// When a file can't be written.
    pub(crate) fn keep(
        &self,
        scenario: &str,
        cells: &[(&str, String)],
    ) -> Result<Vec<PathBuf>, String> {
        let texts: Vec<(PathBuf, String)> = match cells {
            [] => Vec::new(),
            [(first, _), ..] if self.large => vec![(self.file(first), together(cells))],
            cells => cells.iter().map(|(cell, text)| (self.file(cell), text.clone())).collect(),
        };
        for (file, text) in &texts {
            let before = fs::read_to_string(file).unwrap_or_default();
            let head = before.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
            let head = head.map_or_else(
                || format!("source: ikelab run --accept\ninput_file: {scenario}"),
                |(head, _)| head.to_owned(),
            );
            fs::create_dir_all(&self.folder)
                .and_then(|()| fs::write(file, format!("---\n{head}\n---\n{}\n", text.trim_end())))
                .map_err(|why| format!("{}: {why}", file.display()))?;
        }
        Ok(texts.into_iter().map(|(file, _)| file).collect())
    }

    /// Whether all cells share a file.
    pub(crate) fn is_shared(&self) -> bool {
        self.large
    }
}

/// What is kept of a cell: all of it, or the lines in which it differs from another.
enum Kept {
    Whole(String),
    Against(String, String),
}

/// The folder in `reports/golden/` that mirrors one below `scenarios/`.
fn golden(folder: &Path) -> Option<PathBuf> {
    let scenarios = folder.ancestors().find(|above| above.ends_with("scenarios"))?;
    let golden = scenarios.parent()?.join("reports/golden");
    let below = folder.strip_prefix(scenarios).ok()?;
    golden.is_dir().then(|| golden.join(below))
}

/// The cells of a large matrix as one text: the first whole, and the others by what they have
/// otherwise.
#[must_use]
pub fn together(cells: &[(&str, String)]) -> String {
    let [(name, whole), others @ ..] = cells else { return String::new() };
    let mut all = format!("==== {name}\n{whole}");
    for (name, own) in others {
        let lines = apart(whole, own).join("\n");
        let _ = write!(all, "\n==== {name}: the lines that differ\n{lines}\n");
    }
    all
}

/// The lines that only the one or only the other has.
fn apart(one: &str, other: &str) -> Vec<String> {
    let (one, other): (Vec<_>, Vec<_>) = (one.lines().collect(), other.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = one.iter().zip(&other).take_while(same).count();
    let (one, other) = (&one[head..], &other[head..]);
    let tail = one.iter().rev().zip(other.iter().rev()).take_while(same).count();
    differences(&one[..one.len() - tail], &other[..other.len() - tail])
}

/// The lines that only the one or only the other has, along a longest common subsequence where
/// that does not take too long to find.
fn differences(one: &[&str], other: &[&str]) -> Vec<String> {
    if one.len().saturating_mul(other.len()) > WORK_MAX {
        let gone = one.iter().map(|line| format!("- {line}"));
        return gone.chain(other.iter().map(|line| format!("+ {line}"))).collect();
    }
    let mut common = vec![vec![0_usize; other.len() + 1]; one.len() + 1];
    for (i, left) in one.iter().enumerate().rev() {
        for (j, right) in other.iter().enumerate().rev() {
            common[i][j] = if left == right {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < one.len() || j < other.len() {
        if i < one.len() && j < other.len() && one[i] == other[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == other.len() || (i < one.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", one[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", other[j]));
            j += 1;
        }
    }
    lines
}

/// The name of the view in which two texts part.
fn view_of_first(before: &str, now: &str) -> String {
    let same = |(a, b): &(&str, &str)| a == b;
    let parted = before.lines().zip(now.lines()).take_while(same).count();
    let heads = now.lines().take(parted + 1).filter_map(|line| line.strip_prefix("== "));
    heads.last().unwrap_or("ladder").to_owned()
}

/// The lines of a difference as they are shown.
pub(crate) fn shown(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(SHOWN_MAX).map(|line| format!("  {line}\n")).collect();
    if lines.len() > SHOWN_MAX {
        let _ = writeln!(text, "  and {} lines more", lines.len() - SHOWN_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_any_name_has_a_file_in_its_folder() {
        assert_eq!(file_name("a=1,b=x"), "a=1,b=x");
        assert_eq!(file_name("to=/../../etc"), "to=__..__..__etc");
        let (one, other) = (format!("a={}1", "x".repeat(300)), format!("a={}2", "x".repeat(300)));
        assert!(file_name(&one).len() < 100 && file_name(&one) != file_name(&other));
    }

    #[test]
    fn differences_leave_out_what_both_have() {
        assert_eq!(apart("a\nb\nc", "a\nx\nc\nd"), ["- b", "+ x", "+ d"]);
        assert!(apart("a", "a").is_empty());
    }

    #[test]
    fn a_cell_of_a_large_matrix_is_found_in_the_file_that_all_share() {
        let views = |what: &str| format!("== ladder\nsame\n{what}\nend\n");
        let cells = [("a=1", views("one")), ("a=2", views("two")), ("a=3", views("one"))];
        let file = format!("---\nsource: x\n---\n{}", together(&cells));
        let shelf = Shelf { folder: PathBuf::new(), stem: "s".to_owned(), large: true };
        let kept = |cell: &str| match shelf.of_cell(&file, cell) {
            Some(Kept::Whole(text)) => text,
            Some(Kept::Against(_, lines)) => lines,
            None => "nothing".to_owned(),
        };
        assert_eq!(kept("a=1"), views("one").trim_end());
        assert_eq!(kept("a=2"), "- one\n+ two");
        assert_eq!(kept("a=3"), "");
        assert_eq!(kept("a=4"), "nothing");
    }

    #[test]
    fn the_project_mirrors_its_scenarios_and_others_lie_beside_theirs() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/initial/x.yaml");
        let shelf = Shelf::of(&own, 1);
        assert!(shelf.file("a=1/2").ends_with("reports/golden/initial/x@a=1__2.snap"), "{shelf:?}");
        let other = Shelf::of(Path::new("/nowhere/y.yaml"), 9);
        assert_eq!(other.file("a=1"), Path::new("/nowhere/accepted/y.snap"));
    }
}
