//! The scenario language: what a file says, the plan it makes, and the judge of what happened.

pub mod plan;
