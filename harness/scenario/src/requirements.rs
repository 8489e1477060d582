//! The tables of requirements and of cases that scenarios name.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::nearest::nearest;
use crate::reader::Cx;
use crate::text::Text;

/// One requirement of an RFC.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Requirement {
    /// Its id: `R7296-2.1-03`.
    pub id: String,
    /// The RFC.
    pub rfc: String,
    /// The section.
    pub section: String,
    /// The RFC's keyword: `MUST`, `SHOULD NOT`, `norm (no keyword)`.
    pub level: String,
    /// The behaviour that is wanted, in our words.
    pub paraphrase: String,
}

/// One case of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Case {
    /// Its id: `COLL-CC-08`.
    pub id: String,
    /// Its area: `collision`.
    pub area: String,
    /// What it is about, in a line.
    pub title: String,
    /// How soon it is wanted, 1 to 3.
    pub prio: String,
}

/// The tables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tables {
    requirements: BTreeMap<String, Requirement>,
    cases: BTreeMap<String, Case>,
}

impl Tables {
    /// Reads the two CSV files of `scenarios/requirements/`.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub fn read(requirements: &str, catalogue: &str) -> Result<Self, String> {
        let requirements: Vec<Requirement> =
            rows(requirements).map_err(|why| format!("requirements.csv: {why}"))?;
        let cases: Vec<Case> = rows(catalogue).map_err(|why| format!("catalogue.csv: {why}"))?;
        Ok(Self {
            requirements: requirements.into_iter().map(|row| (row.id.clone(), row)).collect(),
            cases: cases.into_iter().map(|row| (row.id.clone(), row)).collect(),
        })
    }

    /// The tables as they were when this was built: for scenarios that lie outside the tree.
    ///
    /// # Panics
    /// Never: a test reads them.
    #[must_use]
    pub fn builtin() -> Self {
        Self::read(
            include_str!("../../../scenarios/requirements/requirements.csv"),
            include_str!("../../../scenarios/requirements/catalogue.csv"),
        )
        .expect("the project's own tables are read by a test")
    }

    /// A requirement.
    #[must_use]
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.requirements.get(id)
    }

    /// A case.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.get(id)
    }

    /// All requirements, by id.
    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.values()
    }

    /// All cases, by id.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.values()
    }

    /// The requirements that an id or a section prefix names: a prefix stands for exactly its
    /// section, R and N rows alike.
    pub fn covered<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Requirement> {
        let section = id.get(1..).and_then(|id| id.split_once('-'));
        self.requirements.values().filter(move |row| {
            row.id == id || section == Some((row.rfc.as_str(), row.section.as_str()))
        })
    }

    /// Checks an entry of `covers:`.
    pub(crate) fn check_covers(&self, cx: &Cx<'_>, text: &Text) {
        if self.covered(&text.value).next().is_none() {
            let label = nearest_id(&text.value, self.requirements.keys());
            cx.error(text.span, format!("unknown requirement `{}`", text.value), label);
        }
    }

    /// Checks an entry of `cases:`.
    pub(crate) fn check_case(&self, cx: &Cx<'_>, text: &Text) {
        if self.case(&text.value).is_none() {
            let label = nearest_id(&text.value, self.cases.keys());
            cx.error(text.span, format!("unknown case `{}`", text.value), label);
        }
    }
}

fn rows<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>, csv::Error> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect()
}

/// Reads a table that lies beside them: CSV with a line of headers.
///
/// # Errors
/// Which line is wrong, and how.
pub fn table<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<T>, String> {
    rows(text).map_err(|why| why.to_string())
}

/// Ids look alike: of two that are equally near, the one with the longer common beginning wins.
fn nearest_id<'a>(word: &str, ids: impl Iterator<Item = &'a String>) -> String {
    let mut ids: Vec<_> = ids.map(String::as_str).collect();
    ids.sort_by_key(|id| std::cmp::Reverse(common(word, id)));
    nearest(word, ids).map(|id| format!("did you mean {id}?")).unwrap_or_default()
}

fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole() {
        let tables = Tables::builtin();
        assert_eq!((tables.requirements.len(), tables.cases.len()), (700, 450));
        let row = tables.requirement("R7296-2.3-04").unwrap();
        assert_eq!((row.rfc.as_str(), row.section.as_str()), ("7296", "2.3"));
    }

    #[test]
    fn a_section_stands_for_its_rows_and_not_for_its_subsections() {
        let tables = Tables::builtin();
        assert!(tables.covered("R7296-2.8").count() > 1);
        assert!(tables.covered("R7296-2.8").all(|row| row.section == "2.8"));
        assert_eq!(tables.covered("R7296-9.99").count(), 0);
    }
}
