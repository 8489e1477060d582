//! The results of `ikelab run` for machines.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flows::FlowResult;

/// What came of a cell.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every expectation held.
    Pass,
    /// Every MUST held, and a SHOULD did not.
    Note,
    /// The cell did not run: something it needs is missing.
    Unsupported,
    /// The run ended without a verdict.
    Inconclusive,
    /// An expectation was violated.
    Fail,
    /// The harness could not do its work.
    Error,
}

impl Outcome {
    /// The word in the terminal's first column.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Note => "note",
            Self::Unsupported => "skip",
            Self::Inconclusive => "open",
            Self::Fail => "FAIL",
            Self::Error => "ERROR",
        }
    }
}

/// One run: a cell of a scenario with a seed on a driver. It stands in `results.json` of its
/// directory, and in the list of `ikelab run --json`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CellResult {
    /// Version of ikelab.
    #[serde(default)]
    pub ikelab: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its file.
    pub file: String,
    /// SHA-256 of the file.
    #[serde(default)]
    pub file_sha256: String,
    /// The values of its matrix: `cookie=never,want=ecp384`; `-` without a matrix.
    pub cell: String,
    /// The seed.
    pub seed: u64,
    /// The order of delivery that the evidence is of, of a cell that explores orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// How many orders were run and how they came out, of a cell that explores orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<OrderCount>,
    /// The kinds of trouble that the seed switched off, of a run with `--swarm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Vec<String>>,
    /// When the network healed, in seconds, of a run with `--heal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heal_s: Option<f64>,
    /// `direct` or `turmoil`.
    pub driver: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in a line; empty for a pass.
    pub reason: String,
    /// The whole text of a failure or a note, as the terminal shows it without colours.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The requirements it covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// What became of its flows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowResult>,
    /// SHA-256 of its trace, of the first order's where orders were explored; empty when nothing
    /// ran.
    pub digest: String,
    /// Seconds of virtual time.
    pub virtual_s: f64,
    /// Seconds it took.
    pub wall_s: f64,
    /// The directory with its trace, capture and keys.
    pub dir: Option<String>,
}

/// The orders of a cell that explores orders of delivery.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OrderCount {
    /// How many were run.
    pub run: u64,
    /// How many there are; at least so many when not all were run.
    pub exist: u64,
    /// Whether all were run.
    pub complete: bool,
    /// How many of them failed.
    pub failed: u64,
    /// Merges of the messages that are no orders, since a message would be delivered before what
    /// makes its sender send it; known when all were run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible: Option<u64>,
    /// SHA-256 of a line for each order: its name, a blank, the digest of its trace.
    pub digest: String,
}

impl fmt::Display for OrderCount {
    /// `70 orders of 70`, `70 orders of at least 71`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.complete { "" } else { "at least " };
        write!(f, "{} orders of {least}{}", self.run, self.exist)
    }
}

/// How many cells came to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "each field is the outcome it counts")]
pub struct Summary {
    pub passed: usize,
    pub note: usize,
    pub failed: usize,
    pub unsupported: usize,
    pub inconclusive: usize,
    pub error: usize,
}

impl Summary {
    /// Counts outcomes; one with a note passed as well, and stands under `note` alone.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut summary = Self::default();
        for outcome in outcomes {
            *match outcome {
                Outcome::Pass => &mut summary.passed,
                Outcome::Note => &mut summary.note,
                Outcome::Fail => &mut summary.failed,
                Outcome::Unsupported => &mut summary.unsupported,
                Outcome::Inconclusive => &mut summary.inconclusive,
                Outcome::Error => &mut summary.error,
            } += 1;
        }
        summary
    }
}

/// Everything that `ikelab run --json` prints.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// Version of ikelab.
    pub ikelab: String,
    /// How many cells came to what.
    pub summary: Summary,
    /// The cells, in the order in which they were listed.
    pub cells: Vec<CellResult>,
}

impl Results {
    /// Puts results together.
    #[must_use]
    pub fn new(ikelab: &str, cells: Vec<CellResult>) -> Self {
        let summary = Summary::of(cells.iter().map(|cell| cell.outcome));
        Self { ikelab: ikelab.to_owned(), summary, cells }
    }

    /// The results as JSON, on lines of their own.
    ///
    /// # Panics
    /// Never: what stands here has a form in JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers have a form in JSON")
    }
}
