//! `ikelab replay`: a recorded run once more, told as it goes, and compared with its record.

use ikelab_ambient::Instant;
use ikelab_dissect::Dissected;
use ikelab_report::{Class, Reading, transcript};
use ikelab_scenario::parse_duration;
use ikelab_wire::notation;

use crate::args::{Replay, Verbose};
use crate::exit::Exit;
use crate::job::VERSION;
use crate::recorded::Recorded;
use crate::terminal::Terminal;

/// Runs a recorded run again.
pub(crate) fn replay(args: &Replay, terminal: &mut Terminal) -> Exit {
    match again(args, terminal) {
        Ok(exit) => exit,
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn again(args: &Replay, terminal: &mut Terminal) -> Result<Exit, String> {
    let recorded = Recorded::find(&args.run)?;
    let until = match &args.until {
        None => Instant::FAR,
        Some(text) => {
            let since = parse_duration(text).map_err(|why| format!("--until {text}: {why}"))?;
            Instant::ZERO + since
        }
    };
    let scenario = recorded.scenario(args.force)?;
    let then = &recorded.result;
    if then.ikelab != VERSION {
        let (then, now) = (&then.ikelab, VERSION);
        terminal.complain(format_args!("warning: recorded by ikelab {then}, this is {now}"));
    }
    let job = recorded.job(&scenario)?;
    let driver = match args.driver {
        Some(driver) => driver.into(),
        None if then.driver == "direct" => ikelab_sim::Driver::Direct,
        None => ikelab_sim::Driver::Turmoil,
    };
    let (_, run) = job.simulate(&job.plan().0, driver)?;
    let reading = Reading::new(&run.trace);
    let classes = classes(args.verbose);
    terminal.print(transcript(&reading, None, &classes, &(Instant::ZERO..=until)));
    if matches!(args.verbose, Some(Verbose::Packet | Verbose::All)) {
        packets(&reading, until, terminal);
    }
    let now = run.trace.digest();
    if now == then.digest {
        terminal.line(format_args!("\nthe trace is the one that was recorded: {now}"));
        return Ok(Exit::Passed);
    }
    terminal.line(format_args!(
        "\nthe trace is not the one that was recorded\n  now       {now}\n  recorded  {}",
        then.digest
    ));
    Ok(Exit::Failed)
}

/// The classes of events that are told.
fn classes(verbose: Option<Verbose>) -> Vec<Class> {
    let keys = matches!(verbose, Some(Verbose::Key | Verbose::All));
    Class::ALL.into_iter().filter(|class| keys || *class != Class::Key).collect()
}

/// Every field of every IKE message.
fn packets(reading: &Reading<'_>, until: Instant, terminal: &mut Terminal) {
    for seen in reading.packets.iter().filter(|seen| seen.at <= until) {
        for found in &seen.found {
            let Dissected::Ike(message) = found else { continue };
            let header = &message.header;
            let response = header.flags.response();
            let side = if response { "resp" } else { "req" };
            terminal.line(format_args!(
                "\nt={} {} {} {side} mid={} I={} R={}",
                seen.at,
                reading.trace.name(seen.host),
                header.exchange,
                header.message_id,
                header.initiator_spi,
                header.responder_spi
            ));
            for payload in &message.payloads {
                terminal.line(format_args!("  {}", notation::word(payload, response)));
                for detail in notation::details(payload) {
                    terminal.line(format_args!("    {detail}"));
                }
            }
        }
    }
}
