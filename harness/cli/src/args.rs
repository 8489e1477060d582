//! The words of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A proving ground for IKEv2 and ESP.
///
/// Runs scenarios: virtual hosts on a simulated network bring up tunnels with a real IKEv2 and ESP
/// implementation, and the trace of the run is judged. The same file, seed and version give the same
/// octets.
#[derive(Debug, Parser)]
#[command(name = "ikelab", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "EXIT CODES\n  \
    0  all passed; notes and some unsupported cells are allowed\n  \
    1  a scenario failed\n  \
    2  the input is wrong\n  \
    3  nothing failed, something is inconclusive\n  \
    4  nothing matched, or everything was unsupported\n  \
    70 ikelab itself broke")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Check(Check),
    Decode(Decode),
}

/// Lists scenarios.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads scenarios and tells their mistakes, without running them.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Which scenarios are meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Files, folders, names, tag:x, req:R7296-2.8, case:CHILD-01; all of scenarios/ when none is
    /// given.
    #[arg(value_name = "PATH|NAME|tag:X|req:ID|case:ID")]
    pub(crate) selectors: Vec<String>,
}

/// Reads any pcap or pcapng file and prints its ladder, decrypted where keys are given.
#[derive(Debug, clap::Args)]
pub(crate) struct Decode {
    /// The capture file.
    pub(crate) capture: PathBuf,
    /// Folder with Wireshark's tables `ikev2_decryption_table` and `esp_sa`.
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// Print JSON instead of a ladder.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
