//! A plan goes in, a trace comes out.

use std::collections::BTreeSet;

use ikelab_ambient::Instant;
use ikelab_host::Host;
use ikelab_net::Frame;
use ikelab_scenario::plan::Plan;
use ikelab_trace::{Fact, IkeEvent, LinkInfo, Record, Trace};

use crate::{Driver, Input, Node, RunError, build, drive};

/// What a run leaves behind.
#[derive(Clone, PartialEq, Debug)]
pub struct RunResult {
    /// Everything that happened.
    pub trace: Trace,
    /// The places of the plan's pins that decided nothing: what they name was never drawn.
    pub unused_pins: Vec<u32>,
    /// The places of the plan's faults that waited for a packet and met none.
    pub idle_faults: Vec<u32>,
    /// The rules of liars that met no message: the host, and the place among its rules.
    pub idle_rules: Vec<(u16, u32)>,
}

/// Runs a plan to its end. The result does not depend on the driver.
///
/// # Errors
/// When a host panics or gets stuck, or turmoil does not do its part.
pub fn run(plan: &Plan, driver: Driver) -> Result<RunResult, RunError> {
    let mut hosts = drive(driver, build::stations(plan), plan.until)?;
    hosts.iter_mut().for_each(|host| host.finish(plan.until));
    let mut trace = Trace {
        hosts: hosts.iter().map(Host::info).collect(),
        links: plan.links.iter().map(|link| LinkInfo { name: link.name.clone() }).collect(),
        records: hosts.iter_mut().flat_map(Host::take_records).collect(),
    };
    trace.sort();
    let pins = 0..u32::try_from(plan.pins.len()).unwrap_or(u32::MAX);
    let unused_pins = pins.filter(|pin| is_unused(plan, &hosts, *pin)).collect();
    let struck: BTreeSet<u32> = hosts.iter().flat_map(Host::struck_faults).collect();
    let idle_faults =
        (0..).zip(&plan.faults).filter(|(place, fault)| !struck.contains(place) && !fault.is_off());
    let idle_faults = idle_faults.map(|(place, _)| place).collect();
    let idle_rules = idle_rules(plan, &trace);
    Ok(RunResult { trace, unused_pins, idle_faults, idle_rules })
}

/// The rules that the trace tells nothing of.
fn idle_rules(plan: &Plan, trace: &Trace) -> Vec<(u16, u32)> {
    let met: BTreeSet<(u16, &str)> = trace.records.iter().filter_map(met).collect();
    let of = |liar: &ikelab_scenario::plan::Liar| {
        // Behind the rule may stand what it made of a message.
        let tells = |rule: &str| {
            met.iter().any(|(host, text)| *host == liar.host && text.starts_with(rule))
        };
        let idle = (0..).zip(&liar.rules).filter(|(_, rule)| !tells(&rule.text));
        idle.map(|(place, _)| (liar.host, place)).collect::<Vec<_>>()
    };
    plan.liars.iter().flat_map(of).collect()
}

/// The rule that a record tells of.
fn met(record: &Record) -> Option<(u16, &str)> {
    match &record.fact {
        Fact::Ike(IkeEvent::Lied { rule, .. }) => Some((record.host.0, rule.as_str())),
        _ => None,
    }
}

/// True when a pin decided nothing at any host that it is for.
fn is_unused(plan: &Plan, hosts: &[Host], pin: u32) -> bool {
    let mut concerned = hosts.iter().enumerate().filter(|(place, _)| {
        let pin = usize::try_from(pin).ok().and_then(|pin| plan.pins.get(pin));
        pin.is_some_and(|pin| build::concerns(pin, *place))
    });
    concerned.all(|(_, host)| host.unused_pins().contains(&pin))
}

impl Node for Host {
    type Command = ikelab_host::Command;

    fn handle(&mut self, now: Instant, input: Input<Self::Command>, out: &mut Vec<Frame>) {
        let input = match input {
            Input::Command(command) => ikelab_host::Input::Command(command),
            Input::Frame(frame) => ikelab_host::Input::Frame(frame),
            Input::Deadline => ikelab_host::Input::Deadline,
        };
        Self::handle(self, now, input, out);
    }

    fn deadline(&self) -> Option<Instant> {
        Self::deadline(self)
    }
}
