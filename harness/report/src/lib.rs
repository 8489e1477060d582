//! Runs as people and machines read them. Everything here reads a finished trace, and nothing
//! here decides anything: a verdict comes from the judge.

mod capture;
mod flows;
mod junit;
mod keys;
mod ladder;
mod reading;
mod results;
mod terminal;
mod transcript;
mod view;
mod words;

pub use capture::{CaptureTitle, capture};
pub use flows::{FlowResult, flows};
pub use junit::junit;
pub use keys::{KeyFiles, key_files};
pub use ladder::ladder;
pub use reading::{Reading, Seen};
pub use results::{CellResult, OrderCount, Outcome, Results, Summary};
pub use terminal::{closing_line, ending, name_width, scenario_lines, terminal};
pub use transcript::{Class, transcript};
pub use view::{
    AuditEvent, AuditLog, ChildSa, EspSa, IpsecSas, audit, ike_sas, ipsec_sas, sas, stats,
};
