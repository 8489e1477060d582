//! A job: one cell of a scenario with one seed, run, judged, and its evidence left in a folder.
//!
//! Of a cell that explores orders, the folder holds the evidence of the first order; each of the
//! first orders that fail has a folder of its own in it, `order-abba`.

#![expect(clippy::disallowed_types, reason = "how long a run took is told beside its verdict")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ikelab_report::{CellResult, FlowResult, OrderCount, Outcome, Reading};
use ikelab_scenario::plan::{Explore, Plan};
use ikelab_scenario::{Cell, Scenario, Verdict, parse_duration};
use ikelab_sim::{Order, Orders, RunResult, follow, run as simulate};
use ikelab_trace::sha256;

use crate::accepted::file_name;
use crate::accepted::{self, Compared, Shelf};
use crate::args::{Driver, StormArgs};
use crate::evidence::Evidence;
use crate::verdict;

/// The version that results carry.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Failing orders of a cell whose evidence is kept.
const ORDERS_KEPT: u64 = 3;
/// Failing orders of a cell that are named in its text.
const ORDERS_NAMED: usize = 12;

/// One cell of a scenario with a seed.
#[derive(Clone)]
pub(crate) struct Job<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) cell: &'a Cell,
    pub(crate) seed: u64,
    /// The one order to run, of a cell that explores orders.
    pub(crate) order: Option<&'a str>,
    pub(crate) storm: Storm,
}

/// How rough it is made.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Storm {
    /// Whether the seed switches kinds of trouble off.
    pub(crate) swarm: bool,
    /// When the network heals.
    pub(crate) heal: Option<Duration>,
}

/// How jobs are run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) driver: Driver,
    /// Where evidence is left.
    pub(crate) out: PathBuf,
    /// Whose evidence is left.
    pub(crate) keep: Keep,
    /// Whether views are compared with those that were accepted.
    pub(crate) compare: bool,
}

/// Whose evidence is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// That of every run.
    All,
    /// That of runs that did not pass.
    Failing,
}

/// How the orders of a cell came out.
#[derive(Default)]
struct Tally {
    digests: String,
    first: String,
    run: u64,
    failing: Vec<String>,
    worst: Option<(Verdict, RunResult, String)>,
    unused_pins: Option<BTreeSet<u32>>,
    idle_faults: Option<BTreeSet<u32>>,
    idle_rules: Option<BTreeSet<(u16, u32)>>,
}

impl Job<'_> {
    /// The name of the cell; `-` without a matrix.
    pub(crate) fn cell_name(&self) -> &str {
        if self.cell.name.is_empty() { "-" } else { &self.cell.name }
    }

    /// Where its evidence is left.
    pub(crate) fn folder(&self, out: &Path) -> PathBuf {
        let cell = file_name(self.cell_name());
        out.join(&self.scenario.name).join(cell).join(format!("{:x}", self.seed))
    }

    /// Runs it. A panic of the harness is an error of this run alone.
    pub(crate) fn run(&self, setup: &Setup) -> CellResult {
        let mut result = self.blank(setup.driver);
        if let Some(reason) = &self.cell.unsupported {
            result.outcome = Outcome::Unsupported;
            result.reason.clone_from(reason);
            return result;
        }
        let began = Instant::now();
        let folder = self.folder(&setup.out);
        let drive = AssertUnwindSafe(|| self.drive(setup, &folder, &mut result));
        if catch_unwind(drive).is_err() {
            broke(&mut result, "ikelab panicked while it ran or judged this".to_owned());
        }
        if setup.compare {
            self.compare(&folder, &mut result);
        }
        result.wall_s = began.elapsed().as_secs_f64();
        if setup.keep.wants(result.outcome)
            && let Err(why) = Evidence::results(&folder, &result)
        {
            result.outcome = Outcome::Error;
            result.reason = why;
        }
        result
    }

    /// Whether the views that its scenario asks for are those of this run: other seeds and rougher
    /// weather have others.
    pub(crate) fn has_views(&self) -> bool {
        let calm = self.storm == Storm::default() && self.order.is_none();
        calm && self.seed == *self.scenario.seeds.start() && !self.cell.snapshots.is_empty()
    }

    /// Where the accepted views of its scenario lie.
    pub(crate) fn shelf(&self) -> Shelf {
        let cells = self.scenario.cells.iter().filter(|cell| cell.unsupported.is_none());
        Shelf::of(Path::new(&self.scenario.source.path), cells.count())
    }

    /// Compares the views that the run left with those that were accepted.
    fn compare(&self, folder: &Path, result: &mut CellResult) {
        let views = folder.join("snapshot.txt");
        if !self.has_views() || matches!(result.outcome, Outcome::Error | Outcome::Unsupported) {
            return;
        }
        let now = match std::fs::read_to_string(&views) {
            Ok(now) => now,
            Err(why) => return broke(result, format!("{}: {why}", views.display())),
        };
        let file = &self.scenario.source.path;
        match self.shelf().compare(self.cell_name(), &now) {
            Compared::Same => {}
            Compared::Missing(_) => {
                let how = format!("look at {}, then: ikelab run {file} --accept", views.display());
                verdict::nothing_accepted(result, self.cell.expects_views_alone(), &how);
            }
            Compared::Differ { view, lines, file: kept } => {
                let lines = accepted::shown(&lines);
                let kept = kept.display();
                let text = format!(
                    "error[E-SNAPSHOT]: view `{view}` is not as it was accepted\n  --> {kept}\n\n\
                     {lines}\n  if it is right now: ikelab run {file} --accept\n"
                );
                verdict::view_differs(result, &view, &text);
            }
        }
    }

    /// Runs the plan, judges the trace, leaves the evidence.
    fn drive(&self, setup: &Setup, folder: &Path, result: &mut CellResult) {
        let (plan, off) = self.plan();
        result.off = off;
        result.virtual_s = plan.until.as_secs_f64();
        if let (Some(explore), None) = (&self.cell.explore, self.order) {
            return match self.settled(plan, setup.driver.into()) {
                Ok(plan) => self.explore(setup, folder, (&plan, explore), result),
                Err(why) => broke(result, why),
            };
        }
        match self.simulate(&plan, setup.driver.into()) {
            Ok((order, run)) => {
                result.order = order;
                let verdict = self.scenario.judge(self.cell, &run.trace);
                self.conclude(setup, folder, (&verdict, &run), result);
            }
            Err(why) => broke(result, why),
        }
    }

    /// A plan whose steps that wait for something come when that has come about.
    fn settled(&self, plan: Plan, driver: ikelab_sim::Driver) -> Result<Plan, String> {
        let mut run = |plan: &Plan| simulate(plan, driver).map(|run| run.trace);
        self.scenario.settled(self.cell, plan, &mut run).map_err(|why| why.to_string())
    }

    /// The plan, and what its seed switched off.
    pub(crate) fn plan(&self) -> (Plan, Option<Vec<String>>) {
        let mut plan = self.scenario.plan(self.cell, self.seed);
        let off = self.storm.swarm.then(|| plan.swarm());
        if let Some(heal) = self.storm.heal {
            plan.heal_at(ikelab_ambient::Instant::ZERO + heal);
        }
        (plan, off)
    }

    /// Runs a plan of this job once, in the order that is named if there is one; gives the order.
    pub(crate) fn simulate(
        &self,
        plan: &Plan,
        driver: ikelab_sim::Driver,
    ) -> Result<(Option<String>, RunResult), String> {
        let plan = &self.settled(plan.clone(), driver)?;
        match (&self.cell.explore, self.order) {
            (_, None) => {
                simulate(plan, driver).map(|run| (None, run)).map_err(|why| why.to_string())
            }
            (None, Some(_)) => Err("this cell explores no orders".to_owned()),
            (Some(explore), Some(name)) => follow(plan, explore, driver, name)
                .map(|(order, run)| (Some(order.to_string()), run))
                .map_err(|why| why.to_string()),
        }
    }

    /// Fills in what came of a run, and leaves its evidence.
    fn conclude(
        &self,
        setup: &Setup,
        folder: &Path,
        (verdict, run): (&Verdict, &RunResult),
        result: &mut CellResult,
    ) {
        result.flows = FlowResult::all(&run.trace);
        if setup.keep.wants(verdict::outcome(verdict.outcome)) {
            result.dir = Some(folder.display().to_string());
            match Evidence::trace(folder, &run.trace) {
                Ok(digest) => result.digest = digest,
                Err(why) => return broke(result, why),
            }
        } else {
            result.digest = run.trace.digest();
        }
        verdict::fill(result, verdict, run);
        if result.dir.is_none() {
            return;
        }
        let reading = Reading::new(&run.trace);
        let evidence = Evidence { folder, cell: self.cell, reading: &reading, result };
        if let Err(why) = evidence.write() {
            broke(result, why);
        }
    }

    /// Runs every order of a cell up to its limit.
    fn explore(
        &self,
        setup: &Setup,
        folder: &Path,
        (plan, explore): (&Plan, &Explore),
        result: &mut CellResult,
    ) {
        let mut orders = Orders::new(plan, explore, setup.driver.into());
        let mut tally = Tally::default();
        while tally.run < explore.limit {
            let (order, run) = match orders.next() {
                None => break,
                Some(Ok(next)) => next,
                Some(Err(why)) => return broke(result, why.to_string()),
            };
            self.take(setup, folder, (&order, run), result, &mut tally);
        }
        let open = u64::try_from(orders.open()).unwrap_or(u64::MAX);
        let count = OrderCount {
            run: tally.run,
            exist: tally.run.saturating_add(open),
            complete: open == 0,
            failed: u64::try_from(tally.failing.len()).unwrap_or(u64::MAX),
            impossible: (open == 0).then(|| u64::try_from(orders.impossible()).unwrap_or(u64::MAX)),
            digest: sha256(tally.digests.as_bytes()),
        };
        let Some((verdict, mut run, order)) = tally.worst else {
            return broke(result, "there is no order".to_owned());
        };
        run.unused_pins = tally.unused_pins.into_iter().flatten().collect();
        run.idle_faults = tally.idle_faults.into_iter().flatten().collect();
        run.idle_rules = tally.idle_rules.into_iter().flatten().collect();
        result.digest = tally.first;
        let fails = verdict::fails(&verdict);
        let own = if fails { folder.join(format!("order-{order}")) } else { folder.to_path_buf() };
        if setup.keep.wants(verdict::outcome(verdict.outcome)) {
            result.dir = Some(own.display().to_string());
        }
        if fails {
            result.order = Some(order);
        }
        verdict::fill(result, &verdict, &run);
        if fails {
            let named: Vec<&str> =
                tally.failing.iter().take(ORDERS_NAMED).map(String::as_str).collect();
            let more = if tally.failing.len() > ORDERS_NAMED { " .." } else { "" };
            let (failed, run) = (count.failed, count.run);
            let line = format!("  orders  {failed} of {run} fail: {}{more}\n", named.join(" "));
            result.text.push_str(&line);
        } else if !count.complete && result.outcome < Outcome::Inconclusive {
            result.outcome = Outcome::Inconclusive;
            result.reason = format!("limit {} of `explore` was reached: {count}", explore.limit);
        }
        result.orders = Some(count);
    }

    /// Judges one order.
    fn take(
        &self,
        setup: &Setup,
        folder: &Path,
        (order, run): (&Order, RunResult),
        total: &CellResult,
        tally: &mut Tally,
    ) {
        let verdict = self.scenario.judge(self.cell, &run.trace);
        let digest = run.trace.digest();
        tally.digests.push_str(&format!("{order} {digest}\n"));
        if tally.run == 0 {
            tally.first.clone_from(&digest);
        }
        keep_common(&mut tally.unused_pins, &run.unused_pins);
        keep_common(&mut tally.idle_faults, &run.idle_faults);
        keep_common(&mut tally.idle_rules, &run.idle_rules);
        let fails = verdict::fails(&verdict);
        let name = order.to_string();
        if tally.run == 0 && setup.keep == Keep::All {
            let mut own = self.blank(setup.driver);
            own.order = Some(name.clone());
            self.conclude(setup, folder, (&verdict, &run), &mut own);
        }
        tally.run += 1;
        if fails {
            tally.failing.push(name.clone());
            if u64::try_from(tally.failing.len()).is_ok_and(|failing| failing <= ORDERS_KEPT) {
                let own = folder.join(format!("order-{name}"));
                let mut result = self.blank(setup.driver);
                (result.virtual_s, result.off) = (total.virtual_s, total.off.clone());
                result.order = Some(name.clone());
                self.conclude(setup, &own, (&verdict, &run), &mut result);
                // Whether it could be written is told by the results of the whole cell.
                let _ = Evidence::results(&own, &result);
            }
        }
        let worse = tally.worst.as_ref().is_none_or(|(worst, ..)| worst.outcome < verdict.outcome);
        if worse {
            tally.worst = Some((verdict, run, name));
        }
    }

    /// The result of a job of which nothing is known yet.
    pub(crate) fn blank(&self, driver: Driver) -> CellResult {
        CellResult {
            ikelab: VERSION.to_owned(),
            scenario: self.scenario.name.clone(),
            file: self.scenario.source.path.clone(),
            file_sha256: sha256(self.scenario.source.text.as_bytes()),
            cell: self.cell_name().to_owned(),
            seed: self.seed,
            order: None,
            orders: None,
            // What the seed switches off is known once it runs; that it does, belongs to the name.
            off: self.storm.swarm.then(Vec::new),
            heal_s: self.storm.heal.map(|heal| heal.as_secs_f64()),
            driver: driver.name().to_owned(),
            outcome: Outcome::Error,
            reason: String::new(),
            text: String::new(),
            requirements: self.scenario.covers.clone(),
            flows: Vec::new(),
            digest: String::new(),
            virtual_s: 0.0,
            wall_s: 0.0,
            dir: None,
        }
    }
}

impl StormArgs {
    /// Reads what was said of it.
    pub(crate) fn read(&self) -> Result<Storm, String> {
        let heal = self
            .heal
            .as_deref()
            .map(|text| parse_duration(text).map_err(|why| format!("--heal {text}: {why}")));
        Ok(Storm { swarm: self.swarm, heal: heal.transpose()? })
    }
}

/// Keeps what is in every order.
fn keep_common<T: Ord + Copy>(common: &mut Option<BTreeSet<T>>, these: &[T]) {
    match common {
        None => *common = Some(these.iter().copied().collect()),
        Some(common) => common.retain(|one| these.contains(one)),
    }
}

impl Keep {
    fn wants(self, outcome: Outcome) -> bool {
        match self {
            Self::All => true,
            Self::Failing => matches!(outcome, Outcome::Fail | Outcome::Error),
        }
    }
}

/// The harness could not do its work.
pub(crate) fn broke(result: &mut CellResult, why: String) {
    result.outcome = Outcome::Error;
    let (scenario, cell, seed) = (&result.scenario, &result.cell, result.seed);
    result.text =
        format!("error: {why}\n  --> {}   {scenario} cell {cell} seed {seed:#x}", result.file);
    result.reason = why;
}

impl Driver {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Turmoil => "turmoil",
            Self::Direct => "direct",
        }
    }
}

impl From<Driver> for ikelab_sim::Driver {
    fn from(driver: Driver) -> Self {
        match driver {
            Driver::Turmoil => Self::Turmoil,
            Driver::Direct => Self::Direct,
        }
    }
}
