//! The project's own scenarios that are quick, as a user would run theirs.

ikelab_test::scenarios!("example/scenarios");
