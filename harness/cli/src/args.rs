//! The words of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::author::{cover::Cover, explain::Explain, fmt::Fmt, new::New};
use crate::shard::Shard;

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
    Replay(Replay),
    Diff(Diff),
    Shrink(Shrink),
    Soak(Soak),
    Merge(Merge),
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
    /// Run with these seeds instead of those of the file: 1..200.
    #[arg(long, value_name = "A..B", value_parser = seeds, conflicts_with = "seed")]
    pub(crate) seeds: Option<Seeds>,
    /// Run only this order of a cell that explores orders, by its name: abba.
    #[arg(long, value_name = "ORDER")]
    pub(crate) order: Option<String>,
    /// How many runs are under way at once; as many as the machine has processors when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Begin no further run once one has failed.
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Keep the views of `snapshot:` as they are now; without this, they are compared.
    #[arg(long, conflicts_with_all = ["seed", "seeds", "order", "swarm", "heal"])]
    pub(crate) accept: bool,
    #[command(flatten)]
    pub(crate) storm: StormArgs,
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

/// Runs a recorded run again, tells what happens, and whether it is what was recorded.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The folder of a run, or the name of a scenario whose last run is in reports/latest.
    pub(crate) run: PathBuf,
    /// Tell what happens up to this virtual time: 30s, 1m30s, 250ms.
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Tell more: every field of each IKE message, the keys, or both.
    #[arg(long, value_enum)]
    pub(crate) verbose: Option<Verbose>,
    /// Take the scenario's file as it is now, though it is not the one that ran.
    #[arg(long)]
    pub(crate) force: bool,
    /// Who drives the virtual hosts; whoever did when not given.
    #[arg(long, value_enum)]
    pub(crate) driver: Option<Driver>,
}

/// What is told beside the events of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Verbose {
    Packet,
    Key,
    All,
}

/// Shows where two runs part.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// The folder of a run.
    pub(crate) one: PathBuf,
    /// The folder of another.
    pub(crate) other: PathBuf,
}

/// Reduces a failing run to the least that still fails in the same way, as a scenario.
#[derive(Debug, clap::Args)]
pub(crate) struct Shrink {
    /// The folder of a run that fails, or the name of a scenario whose last run is in
    /// reports/latest.
    pub(crate) run: PathBuf,
    /// Where the scenario is written; shrunk.yaml in the folder of the run when not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Take the scenario's file as it is now, though it is not the one that ran.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Runs scenarios with many seeds, on several threads and machines, and goes on where it stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How many seeds, from 1 on, or which: 1000, 501..1000.
    #[arg(long, value_name = "N|A..B", value_parser = many_seeds, default_value = "100")]
    pub(crate) seeds: Seeds,
    /// How many runs are under way at once; as many as the machine has processors when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Run this share only: 1/4, slice:1/4, hash:1/4. Without it, the environment of a Slurm array,
    /// an Indexed Job of Kubernetes (with IKELAB_SHARDS) or a parallel job of GitLab says which,
    /// or IKELAB_SHARD.
    #[arg(long, value_name = "K/N", value_parser = Shard::parse)]
    pub(crate) shard: Option<Shard>,
    /// Begin no further run after so long: 30s, 8h.
    #[arg(long, value_name = "D")]
    pub(crate) time: Option<String>,
    #[command(flatten)]
    pub(crate) storm: StormArgs,
    /// Who drives the virtual hosts.
    #[arg(long, value_enum, default_value_t = Driver::Direct)]
    pub(crate) driver: Driver,
    /// Where runs.jsonl and the evidence of failures are left; reports/soak beside the scenarios
    /// when not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// How rough a run is.
#[derive(Debug, clap::Args)]
pub(crate) struct StormArgs {
    /// Switch off about half of a scenario's kinds of trouble, chosen by the seed.
    #[arg(long)]
    pub(crate) swarm: bool,
    /// Let the network heal at this virtual time: no fault and no impairment acts from then on.
    #[arg(long, value_name = "T")]
    pub(crate) heal: Option<String>,
}

/// Joins the shares of a sweep to one report, the same whatever the split.
#[derive(Debug, clap::Args)]
pub(crate) struct Merge {
    /// Folders that `ikelab soak` left.
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// Write the results as JSON; `-` is standard output, which then holds nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
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
    /// The ESP SAs of a host, and its counters of packets that did not pass.
    IpsecSas(Printed),
    /// The auditable events of a host until a moment, RFC 4301 and RFC 4303.
    Audit(Printed),
    /// The exchange table of a host.
    Stats(Moment),
    /// What became of the flows of a run: messages, octets, speed and latency.
    Flows(Finished),
}

/// A run as a whole.
#[derive(Debug, clap::Args)]
pub(crate) struct Finished {
    /// The folder of a run, or the name of a scenario whose last run is in reports/latest.
    pub(crate) run: PathBuf,
}

/// A moment of a run, for people or for machines.
#[derive(Debug, clap::Args)]
pub(crate) struct Printed {
    #[command(flatten)]
    pub(crate) moment: Moment,
    /// Print JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
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

/// Seeds from the first to the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seeds {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// A number of seeds from 1 on, or a range.
fn many_seeds(text: &str) -> Result<Seeds, String> {
    if text.contains("..") { seeds(text) } else { seeds(&format!("1..{text}")) }
}

fn seeds(text: &str) -> Result<Seeds, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (seed(first)?, seed(last)?);
    if first > last {
        return Err(format!("expected two numbers such as 1..200, the smaller first, not {text}"));
    }
    if last - first >= SEEDS_MAX {
        return Err(format!("expected {SEEDS_MAX} seeds at most"));
    }
    Ok(Seeds { first, last })
}

/// More seeds than one process runs in a week.
const SEEDS_MAX: u64 = 10_000_000;

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
    fn seeds_are_a_range_with_its_ends_or_one() {
        assert_eq!(seeds("1..0x10"), Ok(Seeds { first: 1, last: 16 }));
        assert_eq!(seeds("7"), Ok(Seeds { first: 7, last: 7 }));
        assert!(seeds("9..1").is_err());
        assert_eq!(many_seeds("7"), Ok(Seeds { first: 1, last: 7 }));
        assert_eq!(many_seeds("5..7"), Ok(Seeds { first: 5, last: 7 }));
    }

    #[test]
    fn a_seed_is_decimal_or_hexadecimal() {
        assert_eq!(seed("7"), Ok(7));
        assert_eq!(seed("0x51f0"), Ok(0x51f0));
        assert!(seed("-1").is_err());
        assert!(seed("0x1_0000").is_err());
    }
}
