//! `single_child(child, grace=20s)`: not more than one pair of SAs for longer than `grace`.

use std::time::Duration;

use ikelab_ambient::Instant;

use super::pairs::{Pair, pairs};
use super::{Arg, Violation};
use crate::run::Run;

pub(super) fn check(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Child(child), Arg::Span(grace)] = args else { return None };
    let pairs = pairs(run, child);
    let end = run.trace.records.last()?.at;
    let (since, until) = overlap(&pairs, end, *grace)?;
    let there: Vec<String> = pairs
        .iter()
        .filter(|pair| pair.begun <= since && pair.ended.is_none_or(|ended| ended > since))
        .map(|pair| format!("{:08x}", pair.initiator.1))
        .collect();
    let what = format!(
        "{child} has {} pairs of SAs from {since}s to {until}s ({})",
        there.len(),
        there.join(", ")
    );
    Some(Violation::new(since + *grace, what))
}

/// The first span longer than `grace` in which there is more than one pair.
fn overlap(pairs: &[Pair], end: Instant, grace: Duration) -> Option<(Instant, Instant)> {
    let mut changes: Vec<(Instant, i32)> = Vec::new();
    for pair in pairs {
        changes.push((pair.begun, 1));
        changes.extend(pair.ended.map(|ended| (ended, -1)));
    }
    changes.sort_by_key(|(at, change)| (*at, *change));
    let mut count = 0;
    let mut since = None;
    for (at, change) in changes.into_iter().chain([(end, 0)]) {
        if let Some(since) = since
            && at > since + grace
        {
            return Some((since, at));
        }
        count += change;
        since = if count > 1 { since.or(Some(at)) } else { None };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(begun: u64, ended: Option<u64>) -> Pair {
        Pair {
            initiator: (0, 1),
            begun: Instant::from_secs(begun),
            ended: ended.map(Instant::from_secs),
        }
    }

    #[test]
    fn two_pairs_are_too_many_once_the_grace_is_over() {
        let found = |pairs: &[Pair], grace| {
            let found = overlap(pairs, Instant::from_secs(100), Duration::from_secs(grace));
            found.map(|(since, until)| (since.as_secs_f64(), until.as_secs_f64()))
        };
        let brief = [pair(0, Some(15)), pair(10, None)];
        assert_eq!(found(&brief, 5), None);
        assert_eq!(found(&brief, 4), Some((10.0, 15.0)));
        assert_eq!(found(&[pair(0, None), pair(90, None)], 9), Some((90.0, 100.0)));
        assert_eq!(found(&[pair(0, Some(10)), pair(10, None)], 0), None, "one after the other");
        let three = [pair(0, Some(12)), pair(10, Some(14)), pair(11, None)];
        assert_eq!(found(&three, 3), Some((10.0, 14.0)), "whichever they are");
    }
}
