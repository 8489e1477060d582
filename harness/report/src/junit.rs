//! Results as JUnit: a suite for each file, a case for each cell.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::results::{CellResult, Outcome, Results};
use crate::terminal::name;

/// The results as `junit.xml`.
///
/// # Errors
/// When the text of a result has no form in XML.
pub fn junit(results: &Results) -> Result<String, String> {
    let mut report = Report::new("ikelab");
    let mut suites: Vec<TestSuite> = Vec::new();
    for cell in &results.cells {
        let case = case(cell);
        match suites.iter_mut().find(|suite| suite.name.as_str() == cell.file) {
            Some(suite) => drop(suite.add_test_case(case)),
            None => {
                let mut suite = TestSuite::new(cell.file.as_str());
                suite.add_test_case(case);
                suites.push(suite);
            }
        }
    }
    report.add_test_suites(suites);
    report.to_string().map_err(|why| why.to_string())
}

fn case(cell: &CellResult) -> TestCase {
    let mut case = TestCase::new(name(cell), status(cell));
    case.set_classname(cell.scenario.as_str());
    case.set_time(Duration::try_from_secs_f64(cell.wall_s).unwrap_or_default());
    case.add_property(("seed", format!("{:#x}", cell.seed).as_str()));
    case.add_property(("driver", cell.driver.as_str()));
    if !cell.digest.is_empty() {
        case.add_property(("digest", cell.digest.as_str()));
    }
    for requirement in &cell.requirements {
        case.add_property(("requirement", requirement.as_str()));
    }
    if let Some(dir) = &cell.dir {
        case.set_system_out(format!("[[ATTACHMENT|{dir}/capture.pcapng]]"));
    }
    case
}

fn status(cell: &CellResult) -> TestCaseStatus {
    let mut status = match cell.outcome {
        Outcome::Pass | Outcome::Note => return TestCaseStatus::success(),
        Outcome::Unsupported | Outcome::Inconclusive => TestCaseStatus::skipped(),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    status.set_message(cell.reason.as_str());
    if !cell.text.is_empty() {
        status.set_description(cell.text.as_str());
    }
    status
}
