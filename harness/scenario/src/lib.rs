//! The scenario language: what a file says, the plan it makes, and the judge of what happened.
//!
//! ```text
//! text -> YAML tree with places -> one tree for each matrix cell -> World, Steps, Expectations
//! World + Steps + seed -> Plan          (whoever drives a run takes this)
//! Trace + Expectations -> Verdict       (the trace is judged, never an engine's word for it)
//! ```

mod diagnostic;
mod duration;
mod expect;
mod lint;
mod matrix;
mod nearest;
mod pattern;
pub mod plan;
mod read;
mod reader;
mod requirements;
mod scenario;
mod source;
mod step;
mod text;
mod yaml;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use expect::Snapshot;
pub use requirements::{Case, Requirement, Tables};
pub use scenario::{Cell, SETTLE, Scenario, parse};
pub use source::{Position, Source, Span};
