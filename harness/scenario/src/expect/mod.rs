//! `expect:` stub
use crate::read::world::World;
use crate::reader::Cx;
use crate::step::Steps;
use crate::yaml::Node;
use ikelab_ambient::Instant;

/// A view.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot;

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Expectations {
    pub(crate) latest: Instant,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) ladder: Option<crate::pattern::Ladder>,
}

pub(crate) fn read(
    cx: &Cx<'_>,
    world: &World,
    _steps: &Steps,
    _duration: Option<Instant>,
    node: &Node,
) -> Expectations {
    let mut e = Expectations::default();
    if let Some(crate::yaml::Kind::Map(m)) = Some(&node.kind) {
        for (k, v) in m {
            if k.value == "ladder"
                && let Some(t) = cx.text(v, "ladder")
            {
                e.ladder = Some(crate::pattern::ladder(cx, world, t).0);
            }
        }
    }
    e
}
