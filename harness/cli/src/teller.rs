//! Tells of scenarios while others are still running, in the order of the files.

use std::ops::Range;

use ikelab_report::{CellResult, name_width, scenario_lines};

use crate::job::Job;

/// Knows which scenarios have been told.
pub(crate) struct Teller {
    /// The places of each scenario's runs.
    scenarios: Vec<Range<usize>>,
    next: usize,
    width: usize,
}

impl Teller {
    pub(crate) fn new(jobs: &[Job<'_>]) -> Self {
        let names: Vec<&str> = jobs.iter().map(|job| job.scenario.name.as_str()).collect();
        Self { scenarios: runs(&names), next: 0, width: name_width(names.into_iter()) }
    }

    /// The lines of the scenarios that can be told now: those before which nothing is still to
    /// come. When it has `ended`, what never ran is passed over.
    pub(crate) fn ready(&mut self, results: &[Option<CellResult>], ended: bool) -> String {
        let mut text = String::new();
        while let Some(places) = self.scenarios.get(self.next) {
            let own = results.get(places.clone()).unwrap_or_default();
            let done: Vec<&CellResult> = own.iter().flatten().collect();
            if done.len() < own.len() && !ended {
                break;
            }
            self.next += 1;
            if !done.is_empty() {
                text += &scenario_lines(&done, self.width);
            }
        }
        text
    }
}

/// Where one name begins and ends in a list.
fn runs(names: &[&str]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if names.get(run.start) == Some(name) => run.end = place + 1,
            Some(_) | None => runs.push(place..place + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str) -> Option<CellResult> {
        let passed = serde_json::json!({
            "scenario": name, "file": "x.yaml", "cell": "-", "seed": 1, "driver": "direct",
            "outcome": "pass", "reason": "", "digest": "", "virtual_s": 1.0, "wall_s": 1.0,
            "dir": null,
        });
        Some(serde_json::from_value(passed).expect("every key is there"))
    }

    #[test]
    fn names_that_follow_each_other_are_one_scenario() {
        assert_eq!(runs(&["a", "a", "b", "c", "c", "c"]), [0..2, 2..3, 3..6]);
        assert_eq!(runs(&[]), []);
    }

    #[test]
    fn a_scenario_is_told_once_all_before_it_are_done() {
        let mut teller = Teller { scenarios: vec![0..2, 2..3], next: 0, width: 30 };
        assert_eq!(teller.ready(&[result("one"), None, result("two")], false), "");
        let both = teller.ready(&[result("one"), result("one"), result("two")], false);
        assert!(both.find("one") < both.find("two"), "{both}");
        assert_eq!(teller.ready(&[result("one"), result("one"), result("two")], true), "");
    }

    #[test]
    fn what_never_ran_is_passed_over_in_the_end() {
        let mut teller = Teller { scenarios: vec![0..1, 1..2], next: 0, width: 30 };
        assert_eq!(teller.ready(&[None, None], true), "");
    }
}
