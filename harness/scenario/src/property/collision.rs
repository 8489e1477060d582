//! `collision_by_nonce(child)`: when two rekeys of one Child SA both complete, the SA whose exchange
//! has the lowest of the four nonces goes, deleted by the side that created it; the replaced SA is
//! deleted by the side that created the one that stays (RFC 7296 §2.8.1). Either side may delete
//! what has reached the end of its own lifetime, which is no matter of collisions (§2.8).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use ikelab_ambient::Instant;
use ikelab_trace::{Fact, IkeEvent, Record};

use super::pairs::{Deletion, deletions, spis_of};
use super::{Arg, Violation};
use crate::run::{Exchange, Old, Rekey, Run, deletes_ike, exchanges, rekeys};

/// What is told beside what was met.
const RULE: &str = "RFC 7296 2.8.1 wants the SA with the lowest nonce closed by its creator";

pub(super) fn by_nonce(run: &Run<'_>, args: &[Arg]) -> Option<Violation> {
    let [Arg::Child(child)] = args else { return None };
    let exchanges = exchanges(&run.conversation);
    let all = rekeys_of(run, child, &exchanges);
    let over = over(run, child);
    let mut deletions = deletions(run);
    for deletion in &mut deletions {
        let over = over.get(&(deletion.from, deletion.spi));
        deletion.due = over.is_some_and(|over| *over <= deletion.at);
    }
    all.iter().enumerate().find_map(|(place, one)| {
        let other = all.iter().skip(place + 1).find(|other| one.collides_with(other))?;
        judge(run, &deletions, one, other)
    })
}

/// Whether two rekeys of a child crossed.
pub(super) fn happened(run: &Run<'_>, child: &str) -> bool {
    let exchanges = exchanges(&run.conversation);
    let all = rekeys_of(run, child, &exchanges);
    all.iter().any(|one| all.iter().any(|other| one.collides_with(other)))
}

fn rekeys_of<'a>(run: &Run<'_>, child: &str, exchanges: &[Exchange<'a>]) -> Vec<Rekey<'a>> {
    let spis = spis_of(run, child);
    let mut all = rekeys(exchanges);
    all.retain(|rekey| match rekey.old {
        Old::Ike => false,
        Old::Child(spi, _) => spis.contains(&(rekey.exchange.initiator, spi)),
    });
    all
}

/// By host and inbound SPI: when the SAs of the child reach the lifetime that the host gives them.
fn over(run: &Run<'_>, child: &str) -> BTreeMap<(u16, u32), Instant> {
    let configured = run.configured();
    let of = |record: &Record| {
        let Fact::Ike(IkeEvent::ChildInstalled(installed)) = &record.fact else { return None };
        let host = record.host.0;
        let own = configured.iter().find(|one| {
            one.host == host && format!("{}.{}", one.tunnel, one.child.name) == child
        })?;
        Some(((host, installed.spi_in.0), record.at + own.child.lifetime?))
    };
    run.trace.records.iter().filter_map(of).collect()
}

/// Judges two rekeys of one Child SA.
fn judge(
    run: &Run<'_>,
    deletions: &[Deletion],
    one: &Rekey<'_>,
    other: &Rekey<'_>,
) -> Option<Violation> {
    // The rule says nothing of equal nonces, which chance does not give.
    let (loser, winner) = match one.exchange.lower_nonce()?.cmp(other.exchange.lower_nonce()?) {
        Ordering::Less => (one, other),
        Ordering::Greater => (other, one),
        Ordering::Equal => return None,
    };
    let (Old::Child(mine, _), Old::Child(theirs, _)) = (winner.old, loser.old) else { return None };
    let (creator, keeper) = (loser.exchange.initiator, winner.exchange.initiator);
    let lost = ends(&loser.exchange)?;
    let old = [(keeper, mine), (creator, theirs)];
    let kept = ends(&winner.exchange)?;
    goes(run, deletions, lost, creator, "the SA with the lowest nonce")
        .or_else(|| goes(run, deletions, old, keeper, "the replaced SA"))
        .or_else(|| stays(run, deletions, kept, &[lost, old]))
}

/// The ends of a pair: the host, and the SPI of packets to it.
type Ends = [(u16, u32); 2];

fn ends(exchange: &Exchange<'_>) -> Option<Ends> {
    let (mine, theirs) = exchange.child()?;
    Some([(exchange.initiator, mine), (exchange.responder, theirs)])
}

fn of(deletions: &[Deletion], ends: Ends) -> impl Iterator<Item = &Deletion> {
    deletions.iter().filter(move |one| ends.contains(&(one.from, one.spi)))
}

/// A pair is deleted, and nobody but this host does it.
fn goes(
    run: &Run<'_>,
    deletions: &[Deletion],
    ends: Ends,
    by: u16,
    which: &str,
) -> Option<Violation> {
    let spi = ends.map(|(_, spi)| format!("{spi:08x}")).join("/");
    if let Some(wrong) = of(deletions, ends).find(|one| one.from != by && !one.due) {
        let who = run.name(wrong.from);
        return Some(Violation::new(wrong.at, format!("{who} deletes {which} ({spi}): {RULE}")));
    }
    let ike_is_deleted = run.conversation.ike().any(|(_, ike)| deletes_ike(ike));
    if of(deletions, ends).next().is_some() || ike_is_deleted {
        return None;
    }
    let who = run.name(by);
    let at = run.trace.records.last()?.at;
    Some(Violation::new(at, format!("{who} never deletes {which} ({spi}): {RULE}")))
}

/// The pair that stays is not deleted while the two that go are there.
fn stays(run: &Run<'_>, deletions: &[Deletion], kept: Ends, go: &[Ends]) -> Option<Violation> {
    let settled =
        go.iter().filter_map(|ends| of(deletions, *ends).map(|one| one.at).min()).max()?;
    let wrong = of(deletions, kept).find(|one| one.at <= settled && !one.due)?;
    let who = run.name(wrong.from);
    let what = format!("{who} deletes the SA that stays ({:08x}): {RULE}", wrong.spi);
    Some(Violation::new(wrong.at, what))
}
