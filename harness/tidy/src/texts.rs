//! What every text file of the tree keeps.

use crate::Complaint;

/// Words that promise work instead of doing it. Put together here so that this file keeps the rule.
const PROMISES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// Places that exist where the project was begun and nowhere else.
const PRIVATE: &[&str] = &[concat!("/wo", "rk/"), concat!("../sha", "red")];

/// Complains about a text file.
#[must_use]
pub fn text(path: &str, content: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (place, line) in content.lines().enumerate() {
        let here = format!("{path}:{}", place + 1);
        for word in PROMISES.iter().filter(|word| line.contains(**word)) {
            complaints
                .push(Complaint::rule(&here, format!("{word}: do it, or say it in an issue")));
        }
        for outside in PRIVATE.iter().filter(|outside| line.contains(**outside)) {
            let what = format!("{outside}: a clone of the project does not have this place");
            complaints.push(Complaint::rule(&here, what));
        }
        if line.ends_with([' ', '\t']) && !path.ends_with(".snap") {
            complaints.push(Complaint::rule(&here, "blanks at the end of the line"));
        }
    }
    if !content.is_empty() && !content.ends_with('\n') {
        complaints.push(Complaint::rule(path, "no newline at the end of the file"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_can_fail() {
        assert_eq!(text("a.md", "good\n"), []);
        for bad in [PROMISES[0], PROMISES[1], PRIVATE[0], PRIVATE[1], "blank "] {
            assert_eq!(text("a.md", &format!("good\n{bad}\n"))[0].place, "a.md:2");
        }
        assert_eq!(text("a.md", "good").len(), 1);
    }
}
