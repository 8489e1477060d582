//! `ikelab show`: what a host of a finished run knew at a moment, read from the trace it left.

use std::fs;
use std::path::{Path, PathBuf};

use ikelab_ambient::Instant;
use ikelab_report::{AuditLog, IpsecSas, Reading, audit, flows, ike_sas, ipsec_sas, stats};
use ikelab_scenario::parse_duration;
use ikelab_trace::Trace;
use serde::Serialize;

use crate::args::{Moment, Show};
use crate::exit::Exit;
use crate::library::top;
use crate::terminal::Terminal;

/// Prints a view.
pub(crate) fn show(show: &Show, terminal: &mut Terminal) -> Exit {
    match view(show) {
        Ok(text) => {
            terminal.print(text);
            Exit::Passed
        }
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn view(show: &Show) -> Result<String, String> {
    match show {
        Show::Flows(finished) => Ok(flows(&read(&finished.run)?)),
        Show::IkeSas(moment) | Show::Stats(moment) => view_at(show, moment, &read(&moment.run)?),
        Show::IpsecSas(printed) | Show::Audit(printed) => {
            view_at(show, &printed.moment, &read(&printed.moment.run)?)
        }
    }
}

fn read(run: &Path) -> Result<Trace, String> {
    let path = trace_of(run)?;
    let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    Trace::read_lines(&text).map_err(|why| format!("{}: {why}", path.display()))
}

fn view_at(show: &Show, moment: &Moment, trace: &Trace) -> Result<String, String> {
    let names: Vec<&str> = trace.hosts.iter().map(|host| host.name.as_str()).collect();
    let host = trace.host(&moment.host).ok_or_else(|| {
        format!("there is no host {}; the run has {}", moment.host, names.join(", "))
    })?;
    let at = match &moment.at {
        None => trace.records.last().map_or(Instant::ZERO, |record| record.at),
        Some(text) => {
            let since = parse_duration(text).map_err(|why| format!("--at {text}: {why}"))?;
            Instant::ZERO + since
        }
    };
    let reading = Reading::new(trace);
    Ok(match show {
        Show::IkeSas(_) => ike_sas(&reading, host, at, true),
        Show::IpsecSas(printed) if printed.json => json(&IpsecSas::at(trace, host, at))?,
        Show::IpsecSas(_) => ipsec_sas(trace, host, at),
        Show::Audit(printed) if printed.json => json(&AuditLog::until(trace, host, at))?,
        Show::Audit(_) => audit(trace, host, at),
        Show::Stats(_) => stats(&reading, host, at),
        Show::Flows(_) => flows(trace),
    })
}

fn json(view: &impl Serialize) -> Result<String, String> {
    let text = serde_json::to_string_pretty(view).map_err(|why| why.to_string())?;
    Ok(text + "\n")
}

/// The trace of a run: in the folder that is named, or in the only run below it, or in the last run
/// of a scenario of that name.
fn trace_of(run: &Path) -> Result<PathBuf, String> {
    let latest = top().join("reports/latest").join(run);
    for folder in [run, &latest] {
        let mut traces = Vec::new();
        find(folder, &mut traces);
        match traces.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            many => {
                let runs: Vec<String> = many.iter().map(|path| parent(path)).collect();
                return Err(format!("which of these runs?\n  {}", runs.join("\n  ")));
            }
        }
    }
    Err(format!("{}: there is no trace.jsonl; `ikelab run` leaves one", run.display()))
}

fn parent(path: &Path) -> String {
    path.parent().unwrap_or(path).display().to_string()
}

/// The traces in a folder and below, in order.
fn find(folder: &Path, traces: &mut Vec<PathBuf>) {
    let trace = folder.join("trace.jsonl");
    if trace.is_file() {
        traces.push(trace);
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|path| path.is_dir()) {
        find(folder, traces);
    }
}
