//! Delta debugging: which of many things matter (Zeller and Hildebrandt's ddmin).

use std::collections::BTreeSet;

/// The things of `0..all` that cannot be left out: `holds` says whether what is looked for still
/// happens with some of them. No single one of those that are left can be left out.
pub(crate) fn ddmin(
    all: usize,
    holds: &mut dyn FnMut(&BTreeSet<usize>) -> bool,
) -> BTreeSet<usize> {
    let mut kept: Vec<usize> = (0..all).collect();
    if kept.is_empty() || holds(&BTreeSet::new()) {
        return BTreeSet::new();
    }
    let mut parts = 2;
    while kept.len() > 1 {
        let size = kept.len().div_ceil(parts);
        let chunks: Vec<BTreeSet<usize>> =
            kept.chunks(size).map(|chunk| chunk.iter().copied().collect()).collect();
        let alone = chunks.iter().find(|chunk| chunk.len() < kept.len() && holds(chunk));
        if let Some(chunk) = alone {
            kept = chunk.iter().copied().collect();
            parts = 2;
            continue;
        }
        let rest = |gone: &BTreeSet<usize>| -> BTreeSet<usize> {
            kept.iter().copied().filter(|one| !gone.contains(one)).collect()
        };
        // With two parts, the rest of one is the other.
        let fewer =
            if chunks.len() > 2 { chunks.iter().map(rest).find(|rest| holds(rest)) } else { None };
        if let Some(fewer) = fewer {
            kept = fewer.into_iter().collect();
            parts = (parts - 1).max(2);
        } else if size == 1 {
            break;
        } else {
            parts = (parts * 2).min(kept.len());
        }
    }
    kept.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn least(all: usize, matter: &[usize]) -> (Vec<usize>, usize) {
        let mut tries = 0;
        let mut holds = |some: &BTreeSet<usize>| {
            tries += 1;
            matter.iter().all(|one| some.contains(one))
        };
        let kept = ddmin(all, &mut holds);
        (kept.into_iter().collect(), tries)
    }

    #[test]
    fn exactly_those_that_matter_are_left() {
        for matter in [&[][..], &[0], &[11], &[3, 7], &[0, 11], &[1, 5, 9], &[0, 1, 2, 3, 4]] {
            let (kept, tries) = least(12, matter);
            assert_eq!(kept, matter);
            assert!(tries < 100, "{tries} tries for {matter:?}");
        }
        assert!(least(0, &[]).0.is_empty());
        assert_eq!(least(1, &[0]).0, [0]);
    }
}
