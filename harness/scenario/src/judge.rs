//! The judge: expectations and invariants against the trace of a run.

use ikelab_trace::Trace;

use crate::diagnostic::Label;
use crate::expect::{Bench, Complaint};
use crate::invariant::{INVARIANTS, Invariant};
use crate::ladder::Env;
use crate::property::Violation;
use crate::run::Run;
use crate::scenario::{Cell, Scenario};
use crate::settle;
use crate::source::Span;
use crate::verdict::{Finding, Judged, Outcome, Verdict};

impl Scenario {
    /// Judges the trace of a run of a cell.
    #[must_use]
    pub fn judge(&self, cell: &Cell, trace: &Trace) -> Verdict {
        let verdict = self.judge_unknowing(cell, trace);
        match cell.known_issues.first() {
            Some(issue) => issue.applied(verdict, &self.source),
            None => verdict,
        }
    }

    /// The verdict as if nothing had been expected to fail.
    fn judge_unknowing(&self, cell: &Cell, trace: &Trace) -> Verdict {
        if let Some(reason) = &cell.unsupported {
            return Verdict::unsupported(reason);
        }
        let mut run = Run::new(trace, &cell.world, &cell.steps.agenda);
        let waits = settle::waits(self, cell, &run);
        run.earlier = waits.iter().map(|wait| wait.unwrap_or_default()).collect();
        let agenda = cell.steps.agenda_after(&run.earlier);
        run.agenda = &agenda;
        let env = Env::default();
        let mut bench =
            Bench { source: &self.source, run: &run, env, ladder_held: true, until: cell.until };
        let mut verdict = Verdict {
            outcome: Outcome::Pass,
            reason: None,
            findings: Vec::new(),
            expectations: Vec::new(),
        };
        let mut take =
            |written: (&'static str, &str, Span), vacuous: bool, complaint: Option<Complaint>| {
                let (kind, text, span) = written;
                let outcome = complaint
                    .as_ref()
                    .map_or(Outcome::Pass, |complaint| self.softened(cell, complaint.outcome));
                let line = Some(self.source.position(span.start).line);
                let text = text.to_owned();
                let vacuous = vacuous && complaint.is_none();
                verdict.expectations.push(Judged { kind, text, line, outcome, vacuous });
                // What only waits for the ladder's variables adds nothing to the ladder's own finding.
                let told = complaint.filter(|complaint| !complaint.follows);
                verdict.findings.extend(told.map(|complaint| self.finding(cell, kind, complaint)));
            };
        if let Some(ladder) = &cell.expectations.ladder {
            let judged = ladder.judge(&bench);
            bench.ladder_held = judged.is_ok();
            let complaint = match judged {
                Ok(env) => {
                    bench.env = env;
                    None
                }
                Err(complaint) => Some(*complaint),
            };
            let vacuous = ladder.is_vacuous(&bench);
            take(("ladder", "ladder", ladder.ladder.span), vacuous, complaint);
        }
        for (wait, met) in cell.steps.waits.iter().zip(&waits) {
            let complaint = met.is_none().then(|| settle::complaint(&bench, wait, &run.earlier));
            take(("wait_for", &wait.text, wait.span), false, complaint);
        }
        for expectation in &cell.expectations.others {
            let complaint = expectation.judge(&bench);
            let written = (expectation.kind(), expectation.text(), expectation.span());
            take(written, expectation.is_vacuous(&bench), complaint);
        }
        if !verdict.shows_something() && cell.snapshots.is_empty() {
            verdict.findings.push(self.vacuous(cell));
        }
        for invariant in &INVARIANTS {
            let violation = (invariant.check)(&run);
            let outcome = if violation.is_some() { Outcome::Fail } else { Outcome::Pass };
            let text = invariant.says.to_owned();
            verdict.expectations.push(Judged {
                kind: "invariant",
                text,
                line: None,
                outcome,
                vacuous: false,
            });
            let told = violation.map(|violation| self.broken(invariant, violation, &bench));
            verdict.findings.extend(told);
        }
        let worst = verdict.findings.iter().map(|finding| finding.outcome).max();
        verdict.outcome = worst.unwrap_or(Outcome::Pass);
        verdict
    }

    /// What is said of a law that a run breaks.
    fn broken(&self, invariant: &Invariant, violation: Violation, bench: &Bench<'_>) -> Finding {
        let asks = |id: &str| {
            self.tables.requirement(id).map(|row| (row.id.clone(), row.paraphrase.clone()))
        };
        let mut story = bench.before(violation.at);
        story.extend(violation.story);
        Finding {
            outcome: Outcome::Fail,
            code: "E-INVARIANT",
            message: format!("{} at {}s: {}", violation.what, violation.at, invariant.says),
            path: self.source.path.clone(),
            context: String::new(),
            label: None,
            others: Vec::new(),
            at: Some(violation.at),
            requirements: invariant.requirement.and_then(asks).into_iter().collect(),
            story,
        }
    }

    /// What is said of a run that met nothing of what is expected.
    fn vacuous(&self, cell: &Cell) -> Finding {
        let ladder = cell.expectations.ladder.as_ref().map(|ladder| ladder.ladder.span);
        let others = cell.expectations.others.iter().map(|one| one.span());
        let first = ladder.into_iter().chain(others).next();
        let words = "this holds, as of every run in which nothing happens";
        Finding {
            outcome: Outcome::Inconclusive,
            code: "E-VACUOUS",
            message: "nothing came about of what the expectations speak of".to_owned(),
            path: self.source.path.clone(),
            context: String::new(),
            label: first.map(|span| Label::new(&self.source, span, words)),
            others: Vec::new(),
            at: None,
            requirements: Vec::new(),
            story: Vec::new(),
        }
    }

    fn finding(&self, cell: &Cell, kind: &str, complaint: Complaint) -> Finding {
        let code = match kind {
            "ladder" => "E-LADDER",
            "always" => "E-ALWAYS",
            "never" => "E-NEVER",
            "eventually" => "E-EVENTUALLY",
            "at" => "E-AT",
            "traffic" => "E-TRAFFIC",
            "wait_for" => "E-WAIT",
            _ => "E-STATISTICS",
        };
        Finding {
            outcome: self.softened(cell, complaint.outcome),
            code,
            message: complaint.message,
            path: complaint.label.path.clone(),
            context: String::new(),
            label: Some(complaint.label),
            others: complaint.others,
            at: complaint.at,
            requirements: self.requirements(),
            story: complaint.story,
        }
    }

    /// The requirements that the scenario names by their full ids, and what they ask.
    fn requirements(&self) -> Vec<(String, String)> {
        let rows = self.covers.iter().filter_map(|id| self.tables.requirement(id));
        rows.map(|row| (row.id.clone(), row.paraphrase.clone())).collect()
    }

    /// Where another program plays a host, a scenario that only exercises SHOULDs can't fail: what the
    /// program does otherwise is noted. Our own implementation does what it should.
    fn softened(&self, cell: &Cell, outcome: Outcome) -> Outcome {
        let mut rows = self.covers.iter().flat_map(|id| self.tables.covered(id)).peekable();
        let should = rows.peek().is_some() && rows.all(|row| row.level.starts_with("SHOULD"));
        if outcome == Outcome::Fail && should && cell.foreign { Outcome::Note } else { outcome }
    }
}
