//! `ikelab diff`: where two runs part.

use ikelab_ambient::Instant;
use ikelab_report::{Reading, transcript};
use ikelab_trace::Trace;

use crate::args::Diff;
use crate::exit::Exit;
use crate::recorded::Recorded;
use crate::terminal::Terminal;

/// Lines of the transcript that are shown before the difference, and of each run after it.
const CONTEXT: usize = 4;
/// Characters of a record that are shown on each side of its first difference.
const AROUND: usize = 60;

/// Compares the traces of two runs up to their first difference.
pub(crate) fn diff(args: &Diff, terminal: &mut Terminal) -> Exit {
    match compare(args, terminal) {
        Ok(exit) => exit,
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn compare(args: &Diff, terminal: &mut Terminal) -> Result<Exit, String> {
    let (one, other) = (Recorded::find(&args.one)?, Recorded::find(&args.other)?);
    let traces = [one.trace()?, other.trace()?];
    let [a, b] = &traces;
    if (&a.hosts, &a.links) != (&b.hosts, &b.links) {
        terminal.line("the runs have other hosts or links");
        return Ok(Exit::Failed);
    }
    let same = a.records.iter().zip(&b.records).take_while(|(a, b)| a == b).count();
    if same == a.records.len() && same == b.records.len() {
        terminal.line(format_args!("the traces are the same: {same} records"));
        return Ok(Exit::Passed);
    }
    // The head of a trace is its first line.
    terminal.line(format_args!(
        "the first {same} records are the same; line {} of trace.jsonl differs",
        same + 2
    ));
    for (mark, run) in [("a", &one), ("b", &other)] {
        terminal.line(format_args!("  {mark}  {}", run.folder.display()));
    }
    tell(&traces, same, terminal);
    Ok(Exit::Failed)
}

fn tell(traces: &[Trace; 2], same: usize, terminal: &mut Terminal) {
    let texts = traces
        .each_ref()
        .map(|trace| transcript(&Reading::new(trace), None, &[], &(Instant::ZERO..=Instant::FAR)));
    let lines = texts.each_ref().map(|text| text.lines().collect::<Vec<_>>());
    let [a, b] = &lines;
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if common < a.len().max(b.len()) {
        terminal.line("");
        for line in a.iter().take(common).skip(common.saturating_sub(CONTEXT)) {
            terminal.line(format_args!("     {line}"));
        }
        for (mark, lines) in [("a", a), ("b", b)] {
            for line in lines.iter().skip(common).take(CONTEXT) {
                terminal.line(format_args!("  {mark}  {line}"));
            }
        }
    }
    let record = |trace: &Trace| {
        let record = trace.records.get(same)?;
        serde_json::to_string(record).ok()
    };
    let texts = traces.each_ref().map(record);
    let first = match &texts {
        [Some(a), Some(b)] => a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    terminal.line("");
    for (mark, text) in ["a", "b"].iter().zip(texts) {
        let text = text.unwrap_or_else(|| "the run is over".to_owned());
        let shown: String =
            text.chars().skip(first.saturating_sub(AROUND)).take(AROUND * 2).collect();
        let before = if first > AROUND { ".." } else { "" };
        terminal.line(format_args!("  {mark}  {before}{shown}"));
    }
}
