//! `ikelab shrink`: a failing run, reduced to the least that still fails in the same way.
//!
//! Each try is a whole scenario: the file's text with something taken out, read, run and judged. It
//! counts when the same expectation fails with the same kind of finding. What is left is written as
//! a scenario that keeps the rest of the file as it was, comments included.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use ikelab_ambient::Instant;
use ikelab_scenario::{Edit, Finding, Outcome, Scenario, Tables, Verdict, duration_words, parse};
use ikelab_sim::{Driver, RunResult, follow, holds, losses, run};

use crate::args::Shrink;
use crate::ddmin::ddmin;
use crate::exit::Exit;
use crate::recorded::Recorded;
use crate::terminal::Terminal;

/// Drops in the place of a link's losses: more are no help to a reader.
const DROPS_MAX: usize = 300;
/// What a link does by chance.
const CHANCES: [&str; 6] = ["duplicate", "corrupt", "mark", "reorder", "jitter", "loss"];
/// What makes a link slow.
const RATES: [&str; 2] = ["queue", "rate"];

/// Reduces a failing run.
pub(crate) fn shrink(args: &Shrink, terminal: &mut Terminal) -> Exit {
    match reduce(args, terminal) {
        Ok(()) => Exit::Passed,
        Err(why) => {
            terminal.complain(format_args!("error: {why}"));
            Exit::Input
        }
    }
}

fn reduce(args: &Shrink, terminal: &mut Terminal) -> Result<(), String> {
    let recorded = Recorded::find(&args.run)?;
    let (path, text) = recorded.file(args.force)?;
    let scenario = recorded.scenario(args.force)?;
    let job = recorded.job(&scenario)?;
    let (_, first) = job.simulate(&job.plan().0, Driver::Direct)?;
    let verdict = scenario.judge(job.cell, &first.trace);
    let target = Target::of(&verdict)
        .ok_or_else(|| format!("{}: this run does not fail", recorded.folder.display()))?;
    let mut lab = Lab { path, tables: Arc::new(Tables::builtin()), target, order: None, tries: 0 };

    let mut edit = Edit::new(&text)
        .with_cell(&job.cell.assignment)
        .with_value("seeds", &job.seed.to_string())
        .with_value("name", &format!("{}-shrunk", scenario.name));
    edit = calm(edit, &recorded).ok_or("what --swarm switched off is not in the file")?;
    lab.order = job.order.map(str::to_owned);
    let begun = lab.watch(&edit).ok_or("the run does not fail in this way when it stands alone")?;
    let before = Size::of(&edit, &begun);
    edit = lab.without_order(edit);
    edit = lab.without_chance(edit);
    edit = lab.fewer(edit, "faults");
    edit = lab.fewer(edit, "steps");
    edit = lab.simpler(edit);
    edit = lab.fewer(edit, "faults");
    edit = lab.fewer(edit, "pin");
    edit = lab.shorter(edit);

    let end = lab.watch(&edit).ok_or("what is left does not fail: a fault of ikelab")?;
    let after = Size::of(&edit, &end);
    let out = args.out.clone().unwrap_or_else(|| recorded.folder.join("shrunk.yaml"));
    fs::write(&out, edit.text()).map_err(|why| format!("{}: {why}", out.display()))?;
    terminal.line(format_args!("  fails   {}", lab.target.told()));
    for (what, before, after) in [
        ("faults", before.faults, after.faults),
        ("steps", before.steps, after.steps),
        ("pins", before.pins, after.pins),
    ] {
        if before > 0 || after > 0 {
            terminal.line(format_args!("  {what:<7} {before} -> {after}"));
        }
    }
    let (long, short) = (duration_words(before.duration), duration_words(after.duration));
    terminal.line(format_args!("  time    {long} -> {short}"));
    terminal.line(format_args!("  tries   {}", lab.tries));
    if lab.order.is_some() {
        terminal.line("  order   kept: as holds it does not fail in this way");
    }
    terminal.line(format_args!("  file    {}", out.display()));
    terminal.line(format_args!("\n  again   ikelab run {}", out.display()));
    Ok(())
}

/// How much there is of a scenario.
struct Size {
    faults: usize,
    steps: usize,
    pins: usize,
    duration: Duration,
}

impl Size {
    fn of(edit: &Edit, seen: &Seen) -> Self {
        let [faults, steps, pins] = ["faults", "steps", "pin"].map(|key| edit.entries(key));
        Self { faults, steps, pins, duration: seen.until - Instant::ZERO }
    }
}

/// The failure that is looked for.
struct Target {
    code: &'static str,
    kind: &'static str,
    text: String,
    /// Of a ladder, whose one text is all of it: its line that failed, and how.
    line: Option<(String, String)>,
}

/// How a finding fails, without the numbers that change as the scenario shrinks.
fn how(finding: &Finding) -> (String, String) {
    let line = finding.label.as_ref().map(|label| label.source.trim().to_owned());
    let mut words = String::new();
    for c in finding.message.chars() {
        match c {
            '0'..='9' if words.ends_with('#') => {}
            '0'..='9' => words.push('#'),
            c => words.push(c),
        }
    }
    (line.unwrap_or_default(), words)
}

impl Target {
    fn of(verdict: &Verdict) -> Option<Self> {
        let finding = verdict.findings.iter().find(|finding| finding.outcome == Outcome::Fail)?;
        let failed = verdict.expectations.iter().find(|one| {
            let at = finding.label.as_ref().map(|label| label.line);
            one.outcome == Outcome::Fail && (one.line == at || at.is_none() || one.kind == "ladder")
        })?;
        let line = (failed.kind == "ladder").then(|| how(finding));
        Some(Self { code: finding.code, kind: failed.kind, text: failed.text.clone(), line })
    }

    fn told(&self) -> String {
        let text = self.line.as_ref().map_or(&self.text, |(line, _)| line);
        format!("{} {}: {text}", self.code, self.kind)
    }

    /// The finding that is this failure.
    fn found<'a>(&self, verdict: &'a Verdict) -> Option<&'a Finding> {
        let failed = verdict.expectations.iter().any(|one| {
            one.outcome == Outcome::Fail && one.kind == self.kind && one.text == self.text
        });
        let same = |finding: &&Finding| {
            finding.outcome == Outcome::Fail
                && finding.code == self.code
                && self.line.as_ref().is_none_or(|line| *line == how(finding))
        };
        verdict.findings.iter().find(same).filter(|_| failed)
    }
}

/// Where tries are made.
struct Lab {
    path: String,
    tables: Arc<Tables>,
    target: Target,
    /// The order to follow while the scenario explores orders.
    order: Option<String>,
    tries: u32,
}

/// A try that failed as it should.
struct Seen {
    scenario: Scenario,
    run: RunResult,
    order: ikelab_sim::Order,
    until: Instant,
    /// When it became plain.
    at: Option<Instant>,
}

impl Lab {
    /// Reads, runs and judges; none if it does not fail in the way that is looked for.
    fn watch(&mut self, edit: &Edit) -> Option<Seen> {
        self.tries += 1;
        let scenario = parse(&self.path, edit.text(), &self.tables).ok()?;
        let [cell] = scenario.cells.as_slice() else { return None };
        let plan = scenario.plan(cell, *scenario.seeds.start());
        let (order, run) = match (&cell.explore, &self.order) {
            (None, _) => (ikelab_sim::Order::default(), run(&plan, Driver::Direct).ok()?),
            (Some(explore), order) => {
                let name = order.as_deref().unwrap_or_default();
                follow(&plan, explore, Driver::Direct, name).ok()?
            }
        };
        let verdict = scenario.judge(cell, &run.trace);
        let at = self.target.found(&verdict)?.at;
        let until = plan.until;
        Some(Seen { scenario, run, order, until, at })
    }

    fn fails(&mut self, edit: &Edit) -> bool {
        self.watch(edit).is_some()
    }

    /// Takes a change if it still fails with it.
    fn take(&mut self, edit: Edit, changed: Option<Edit>) -> Edit {
        match changed {
            Some(changed) if changed != edit && self.fails(&changed) => changed,
            Some(_) | None => edit,
        }
    }

    /// The turns of an explored order, as holds.
    fn without_order(&mut self, edit: Edit) -> Edit {
        let Some(Seen { scenario, run, order, .. }) = self.watch(&edit) else { return edit };
        let Some(cell) = scenario.cells.first() else { return edit };
        let Some(explore) = &cell.explore else { return edit };
        let plan = scenario.plan(cell, *scenario.seeds.start());
        let entries = holds(&plan, explore, &order, &run.trace);
        let told = edit.without_section("explore").with_entries("faults", &entries);
        let told = self.take(edit.clone(), told);
        if told != edit {
            self.order = None;
        }
        told
    }

    /// Links that leave nothing to chance, with drops in the place of what they lost, always or for
    /// a time.
    fn without_chance(&mut self, mut edit: Edit) -> Edit {
        for field in RATES.into_iter().chain(CHANCES) {
            for link in edit.links_with(field) {
                let quiet = edit.without_link_field(&link, field);
                edit = self.take(edit, quiet);
            }
        }
        let lossy: BTreeSet<usize> = (0..edit.entries("faults"))
            .filter(|place| edit.has_field("faults", *place, "loss"))
            .collect();
        if edit.links_with("loss").is_empty() && lossy.is_empty() {
            return edit;
        }
        let Some(Seen { scenario, run, .. }) = self.watch(&edit) else { return edit };
        let Some(cell) = scenario.cells.first() else { return edit };
        let plan = scenario.plan(cell, *scenario.seeds.start());
        let drops = losses(&plan, &run.trace);
        if drops.len() > DROPS_MAX {
            return edit;
        }
        let mut quiet = edit
            .without_entries("faults", &lossy)
            .and_then(|quiet| quiet.with_entries("faults", &drops));
        for link in edit.links_with("loss") {
            quiet = quiet.and_then(|quiet| quiet.without_link_field(&link, "loss"));
        }
        self.take(edit, quiet)
    }

    /// The entries of a list that matter.
    fn fewer(&mut self, edit: Edit, key: &str) -> Edit {
        let all = edit.entries(key);
        let without = |kept: &BTreeSet<usize>| {
            let gone = (0..all).filter(|place| !kept.contains(place)).collect();
            edit.without_entries(key, &gone)
        };
        let kept = ddmin(all, &mut |kept| without(kept).is_some_and(|less| self.fails(&less)));
        without(&kept).unwrap_or(edit)
    }

    /// Faults that say less: the first of its packets, always, with nothing beside.
    fn simpler(&mut self, mut edit: Edit) -> Edit {
        for place in 0..edit.entries("faults") {
            for field in ["for", "at", "bits", "queue"] {
                let simpler = edit.without_field("faults", place, field);
                edit = self.take(edit, simpler);
            }
            let nth = edit.field("faults", place, "nth");
            if nth.is_some_and(|nth| nth != "1") {
                let first = edit.with_field("faults", place, "nth", "1");
                edit = self.take(edit, first);
            }
        }
        edit
    }

    /// A run that ends soon after it has failed; where only the whole run tells, the shortest that
    /// does.
    fn shorter(&mut self, edit: Edit) -> Edit {
        let Some(Seen { at, until, .. }) = self.watch(&edit) else { return edit };
        let Some(at) = at else { return self.shortest(edit, until) };
        let soon = Duration::from_secs((at - Instant::ZERO).as_secs() + 1);
        for more in [0, 5, 30] {
            let end = soon + Duration::from_secs(more);
            if Instant::ZERO + end >= until {
                break;
            }
            let shorter = edit.with_value("duration", &duration_words(end));
            if self.fails(&shorter) {
                return shorter;
            }
        }
        edit
    }

    /// Halves the time in which a run can be made shorter, down to a second.
    fn shortest(&mut self, mut edit: Edit, until: Instant) -> Edit {
        let (mut passes, mut fails) = (0, (until - Instant::ZERO).as_secs());
        while passes + 1 < fails {
            let middle = passes.midpoint(fails);
            let words = duration_words(Duration::from_secs(middle));
            let shorter = edit.with_value("duration", &words);
            if self.fails(&shorter) {
                (edit, fails) = (shorter, middle);
            } else {
                passes = middle;
            }
        }
        edit
    }
}

/// Without what the seed switched off, and healed when the run was.
fn calm(mut edit: Edit, recorded: &Recorded) -> Option<Edit> {
    for kind in recorded.result.off.iter().flatten() {
        if let Some(field) = kind.strip_prefix("link ") {
            // A queue says nothing without its rate.
            for link in edit.links_with("queue").iter().filter(|_| field == "rate") {
                edit = edit.without_link_field(link, "queue")?;
            }
            for link in edit.links_with(field) {
                edit = edit.without_link_field(&link, field)?;
            }
            continue;
        }
        let of_kind = |place: &usize| edit.has_field("faults", *place, kind);
        let gone: BTreeSet<usize> = (0..edit.entries("faults")).filter(of_kind).collect();
        edit = edit.without_entries("faults", &gone)?;
    }
    match recorded.result.heal_s {
        None => Some(edit),
        Some(heal) => {
            let heal = Duration::try_from_secs_f64(heal).ok()?;
            Some(edit.with_value("heal", &duration_words(heal)))
        }
    }
}
