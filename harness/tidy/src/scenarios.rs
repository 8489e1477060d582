//! Scenario files begin alike, and golden ladders mirror them.

use crate::{Complaint, Tree};

/// Complains about a scenario file whose beginning is not the usual one.
#[must_use]
pub fn scenario(path: &str, content: &str) -> Vec<Complaint> {
    let key = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let keys: Vec<&str> = content.lines().filter(key).collect();
    let mut complaints = Vec::new();
    if keys.first() != Some(&"ikelab: 1") {
        complaints.push(Complaint::rule(path, "the first key is not `ikelab: 1`"));
    }
    for needed in ["name:", "title:"] {
        if !keys.iter().any(|line| line.starts_with(needed)) {
            complaints.push(Complaint::rule(path, format!("no `{needed}`")));
        }
    }
    if path.split('/').count() != 3 {
        complaints.push(Complaint::rule(path, "a scenario is in scenarios/TOPIC/NAME.yaml"));
    }
    complaints
}

/// Complains about each golden ladder whose scenario is gone.
#[must_use]
pub fn goldens(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for path in tree.files() {
        let Some(rest) = path.strip_prefix("reports/golden/") else { continue };
        let Some(stem) = rest.strip_suffix(".snap") else { continue };
        let stem = stem.split('@').next().unwrap_or_default();
        if !tree.has("scenarios", &format!("{stem}.yaml")) {
            let what = format!("there is no scenarios/{stem}.yaml that it could be the ladder of");
            complaints.push(Complaint::rule(path, what));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "scenarios/initial/a.yaml";

    #[test]
    fn a_scenario_begins_as_the_others_do() {
        let good = "# comment\nikelab: 1\nname: a\ntitle: A\n";
        assert_eq!(scenario(PATH, good), []);
        assert_eq!(scenario(PATH, "name: a\nikelab: 1\ntitle: A\n").len(), 1);
        assert_eq!(scenario(PATH, "ikelab: 1\nname: a\n").len(), 1);
        assert_eq!(scenario("scenarios/a.yaml", good).len(), 1);
    }

    #[test]
    fn a_golden_ladder_has_its_scenario() {
        let tree =
            |scenario| Tree::made_up(&["reports/golden/initial/a@cookie=never.snap", scenario]);
        assert_eq!(goldens(&tree(PATH)), []);
        assert_eq!(goldens(&tree("scenarios/initial/b.yaml")).len(), 1);
    }
}
