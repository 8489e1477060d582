//! What a judge says of a run.

use std::fmt;

use ikelab_ambient::Instant;
use serde::{Serialize, Serializer};

use crate::diagnostic::{Label, printable, snippet};

/// How a run ended, from good to bad: of several, the worst counts (language.md §10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every expectation held.
    Pass,
    /// Every MUST held, and at least one SHOULD did not.
    Note,
    /// It did not run: something is missing, and that was known before.
    Unsupported,
    /// The events that were needed to judge did not occur, or a bound was reached.
    Inconclusive,
    /// An expectation was violated.
    Fail,
    /// The harness could not do its work.
    Error,
}

impl Outcome {
    /// The outcome in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Note => "note",
            Self::Unsupported => "unsupported",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The verdict on one run of one cell.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verdict {
    /// The worst of the findings; pass without any.
    pub outcome: Outcome,
    /// Why it is unsupported, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Each expectation and how it came out.
    pub expectations: Vec<Judged>,
}

/// One expectation and how it came out.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Judged {
    /// `ladder`, `always`, `never`, `eventually`, `at`, `traffic`, `statistics`, `wait_for`,
    /// `invariant`.
    pub kind: &'static str,
    /// The expectation as it is written.
    pub text: String,
    /// Its line in the file; none for an invariant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// How it came out.
    pub outcome: Outcome,
    /// Whether it held only because the run met nothing that it speaks of.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vacuous: bool,
}

/// Something that is not as expected.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub outcome: Outcome,
    /// Its kind: `E-LADDER`, `E-ALWAYS`, `E-INVARIANT`.
    pub code: &'static str,
    /// What is wrong, in a line.
    pub message: String,
    /// The file.
    pub path: String,
    /// The cell and the seed, where there is a choice; the runner fills it in.
    pub context: String,
    /// Where the expectation stands in the file; none for an invariant, which no file writes.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "label")]
    pub label: Option<Label>,
    /// Other places in the file that matter.
    #[serde(skip)]
    pub others: Vec<Label>,
    /// When it became plain.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub at: Option<Instant>,
    /// Requirements that the scenario exercises: id and what it asks.
    pub requirements: Vec<(String, String)>,
    /// What happened, line by line.
    pub story: Vec<String>,
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn label<S: Serializer>(label: &Option<Label>, serializer: S) -> Result<S::Ok, S::Error> {
    label.as_ref().map(|label| (label.line, label.column)).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn seconds<S: Serializer>(at: &Option<Instant>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(serializer)
}

impl Verdict {
    /// Whether the run met anything that an expectation of the file speaks of.
    #[must_use]
    pub fn shows_something(&self) -> bool {
        self.expectations.iter().any(|one| one.kind != "invariant" && !one.vacuous)
    }

    /// The verdict on a cell that could not be run.
    #[must_use]
    pub fn unsupported(reason: &str) -> Self {
        let reason = Some(reason.to_owned());
        Self {
            outcome: Outcome::Unsupported,
            reason,
            findings: Vec::new(),
            expectations: Vec::new(),
        }
    }
}

/// How many requirements a finding spells out.
const REQUIREMENTS_MAX: usize = 3;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.outcome {
            Outcome::Fail | Outcome::Error => "error",
            other => other.name(),
        };
        writeln!(f, "{kind}[{}]: {}", self.code, printable(&self.message))?;
        let aside =
            if self.context.is_empty() { String::new() } else { format!("   {}", self.context) };
        match &self.label {
            Some(label) => snippet(f, &self.path, &aside, label, &self.others)?,
            None => writeln!(f, "  --> {}{aside}", self.path)?,
        }
        for (id, asks) in self.requirements.iter().take(REQUIREMENTS_MAX) {
            writeln!(f, "   = covers {id}: {asks}")?;
        }
        if self.requirements.len() > REQUIREMENTS_MAX {
            let more = self.requirements.len() - REQUIREMENTS_MAX;
            writeln!(f, "   = and {more} more requirements")?;
        }
        if !self.story.is_empty() {
            writeln!(f)?;
        }
        self.story.iter().try_for_each(|line| writeln!(f, "  {}", printable(line).trim_end()))
    }
}
