//! Links between documents lead somewhere.

use crate::{Complaint, Tree};

/// Complains about each relative link of a document that leads nowhere.
#[must_use]
pub fn links(path: &str, content: &str, tree: &Tree) -> Vec<Complaint> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut complaints = Vec::new();
    for (place, line) in content.lines().enumerate() {
        for target in targets(line) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || tree.has(folder, target) {
                continue;
            }
            let what = format!("the link to {target} leads nowhere");
            complaints.push(Complaint::rule(format!("{path}:{}", place + 1), what));
        }
    }
    complaints
}

/// The targets of the links of a line: what stands in the round brackets of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_somewhere() {
        let tree = Tree::made_up(&["STYLE.md", "harness/ike/src/lib.rs"]);
        let met = |line| links("README.md", line, &tree);
        assert_eq!(
            met("see [style](STYLE.md#1), [engine](harness/ike) and [web](https://a.b)"),
            []
        );
        assert_eq!(met("see [style](STYLE.md) and [law](LAW.md)").len(), 1);
        assert_eq!(links("harness/ike/A.md", "[up](../../STYLE.md)", &tree), []);
    }
}
