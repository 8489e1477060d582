//! When the steps of a run come that wait for something: found by running (see `step/wait_for.rs`).

use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_trace::Trace;

use crate::expect::{Bench, Complaint, first_moment};
use crate::ladder::Env;
use crate::plan::Plan;
use crate::run::{Moment, Run};
use crate::scenario::{Cell, Scenario};
use crate::step::{REACTION, WaitFor};
use crate::verdict::Outcome;

impl Scenario {
    /// A plan of a cell in which every step that waits for something comes when that has come about;
    /// `run` runs a plan. Without such steps, nothing is run.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn settled<E>(
        &self,
        cell: &Cell,
        mut plan: Plan,
        run: &mut dyn FnMut(&Plan) -> Result<Trace, E>,
    ) -> Result<Plan, E> {
        let mut earlier = Vec::new();
        for wait in &cell.steps.waits {
            let trace = run(&plan)?;
            let judged = Run::new(&trace, &cell.world, &plan.agenda);
            let saved = saved(self, cell, &judged, wait, &earlier).unwrap_or_default();
            earlier.push(saved);
            plan.agenda = cell.steps.agenda_after(&earlier);
        }
        Ok(plan)
    }
}

/// By how much each wait of a finished run was shorter than its timeout; none for one whose
/// condition did not come to hold.
pub(crate) fn waits(scenario: &Scenario, cell: &Cell, run: &Run<'_>) -> Vec<Option<Duration>> {
    let mut all: Vec<Option<Duration>> = Vec::new();
    let mut earlier = Vec::new();
    for wait in &cell.steps.waits {
        let saved = saved(scenario, cell, run, wait, &earlier);
        earlier.push(saved.unwrap_or_default());
        all.push(saved);
    }
    all
}

/// By how much a wait was shorter than its timeout.
fn saved(
    scenario: &Scenario,
    cell: &Cell,
    run: &Run<'_>,
    wait: &WaitFor,
    earlier: &[Duration],
) -> Option<Duration> {
    let bench = Bench {
        source: &scenario.source,
        run,
        env: Env::default(),
        ladder_held: true,
        until: cell.until,
    };
    let begins = before(wait.begins, wait.follows, earlier);
    let records = run.trace.records.partition_point(|record| record.at < begins);
    let from = Moment { at: begins, records };
    let end = begins + wait.timeout;
    let (met, _) = first_moment(&bench, &wait.expr, from, end, true)?;
    Some((end - begins).saturating_sub(met.at + REACTION - begins))
}

/// A time that hangs on a wait, now that it is known how long that took.
pub(crate) fn before(at: Instant, follows: Option<usize>, earlier: &[Duration]) -> Instant {
    let saved = follows.and_then(|wait| earlier.get(wait)).copied().unwrap_or_default();
    Instant::ZERO + (at - Instant::ZERO).saturating_sub(saved)
}

/// What is wrong with a wait that came to nothing.
pub(crate) fn complaint(bench: &Bench<'_>, wait: &WaitFor, earlier: &[Duration]) -> Complaint {
    let begins = before(wait.begins, wait.follows, earlier);
    let end = begins + wait.timeout;
    let message = format!("`{}` did not come to hold from {begins}s to {end}s", wait.text);
    let label = "the steps below were done all the same";
    Complaint::new(Outcome::Fail, bench, wait.span, message, label).at(end, bench)
}
