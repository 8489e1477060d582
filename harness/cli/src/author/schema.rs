//! `ikelab schema`: the JSON Schema of scenarios, for editors.

use crate::exit::Exit;
use crate::terminal::Terminal;

/// Prints the schema.
pub(crate) fn schema(terminal: &mut Terminal) -> Exit {
    terminal.line(format_args!("{:#}", ikelab_scenario::schema()));
    Exit::Passed
}
