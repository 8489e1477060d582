//! The words of the command line.

use std::path::PathBuf;

use crate::author::{cover::Cover, explain::Explain, fmt::Fmt, new::New};
use clap::{Parser, Subcommand, ValueEnum};

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
    Run(Run),
    List(List),
    Check(Check),
    #[command(subcommand)]
    Show(Show),
    Decode(Decode),
    New(New),
    Fmt(Fmt),
    Explain(Explain),
    Cover(Cover),
    /// Prints the JSON Schema of scenarios, for editors.
    Schema,
    /// Tells whether everything that a run needs is here.
    Doctor,
}

/// Runs scenarios, judges them, and leaves the evidence.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Run with this seed instead of those of the file: 7 or 0x51f0.
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(crate) seed: Option<u64>,
    /// Who drives the virtual hosts. Both give the same trace; `turmoil` makes each a host of its
    /// own that is reached through datagrams only, `direct` calls them one after the other.
    #[arg(long, value_enum, default_value_t = Driver::Turmoil)]
    pub(crate) driver: Driver,
    /// Run only the matrix cells with this value; may be repeated.
    #[arg(long, value_name = "K=V")]
    pub(crate) cell: Vec<String>,
    /// Where to leave the evidence; reports/latest beside the scenarios when not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Write the results as JSON; `-` is standard output, which then holds nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// Who drives the virtual hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Driver {
    Turmoil,
    Direct,
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

/// Shows what a host of a finished run knew at a moment.
#[derive(Debug, Subcommand)]
pub(crate) enum Show {
    /// The IKE SAs of a host.
    IkeSas(Moment),
    /// The ESP SAs of a host.
    IpsecSas(Moment),
    /// The exchange table of a host.
    Stats(Moment),
}

/// A moment of a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Moment {
    /// The folder of a run, or the name of a scenario whose last run is in reports/latest.
    pub(crate) run: PathBuf,
    /// The host.
    #[arg(long, value_name = "H")]
    pub(crate) host: String,
    /// When, in virtual time: 30s, 1m30s, 250ms. The end of the run when not given.
    #[arg(long, value_name = "T")]
    pub(crate) at: Option<String>,
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

fn seed(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.map_err(|_| format!("expected a number such as 7 or 0x51f0, below 2^64, not {text}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_seed_is_decimal_or_hexadecimal() {
        assert_eq!(seed("7"), Ok(7));
        assert_eq!(seed("0x51f0"), Ok(0x51f0));
        assert!(seed("-1").is_err());
        assert!(seed("0x1_0000").is_err());
    }
}
