//! The scenario language: what a file says, the plan it makes, and the judge of what happened.
//!
//! ```text
//! text -> YAML tree with places -> one tree for each matrix cell -> World, Steps, Expectations
//! World + Steps + seed -> Plan          (whoever drives a run takes this)
//! Trace + Expectations -> Verdict       (the trace is judged, never an engine's word for it)
//! ```
//!
//! Where to add something: a step in `step/`, an expectation in `expect/`, a property in
//! `property/`, a law of every run in `invariant/`, each a file and a line in its table.

mod diagnostic;
mod duration;
mod edit;
mod expect;
mod expr;
mod format;
mod include;
mod invariant;
mod judge;
mod known;
mod ladder;
mod lint;
mod matrix;
mod nearest;
mod pattern;
pub mod plan;
mod property;
mod quantity;
mod read;
mod reader;
mod requirements;
pub mod run;
mod scenario;
mod schema;
mod settle;
pub mod shape;
mod source;
mod step;
mod text;
mod verdict;
mod yaml;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use duration::{parse as parse_duration, words as duration_words};
pub use edit::Edit;
pub use expect::{Snapshot, View};
pub use format::format;
pub use include::Surroundings;
pub use requirements::{Case, Requirement, Tables, table};
pub use scenario::{Cell, SETTLE, SHAPE, Scenario, parse, parse_in};
pub use schema::schema;
pub use source::{Position, Source, Span};
pub use verdict::{Finding, Judged, Outcome, Verdict};
