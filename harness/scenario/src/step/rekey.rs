//! `rekey: {host: R1, child: net}` or `{host: R1, ike: site}`: an end replaces an SA.

use std::time::Duration;

use super::Draft;
use crate::plan::Command;
use crate::read::world::World;
use crate::reader::{Cx, Fields};
use crate::shape::{self, Shape, may, need};
use crate::yaml::Node;

pub(super) static SHAPE: Shape = Shape::new(
    "rekey",
    "A host replaces an SA: one of `ike` and `child`.",
    &[&[
        need("host", shape::HOST, "The host that begins."),
        may("ike", shape::TUNNEL, "The tunnel whose IKE SA is replaced."),
        may("child", shape::CHILD, "The child that is replaced."),
    ]],
)
.one_of(&["ike", "child"]);

pub(super) fn read(cx: &Cx<'_>, world: &mut World, node: &Node) -> Option<Draft> {
    let fields = Fields::of(cx, node, &SHAPE)?;
    let host_text = cx.text(fields.need("host")?, "host")?;
    let host = world.host_in(cx, host_text)?;
    let (tunnel, command, what) = match (fields.text("ike"), fields.text("child")) {
        (Some(text), None) => {
            let tunnel = world.tunnel(cx, &text.value, text.span)?.name.clone();
            (tunnel.clone(), Command::RekeyIke { tunnel: tunnel.clone() }, format!("ike {tunnel}"))
        }
        (None, Some(text)) => {
            let child = world.child(cx, &text.value, text.span)?;
            let tunnel = child.split_once('.')?.0.to_owned();
            (tunnel, Command::RekeyChild { child: child.clone() }, format!("child {child}"))
        }
        (Some(_), Some(_)) | (None, None) => {
            cx.error(fields.span, "`rekey` replaces one SA", "expected `ike: ..` or `child: ..`");
            return None;
        }
    };
    if !world.tunnel(cx, &tunnel, host_text.span)?.ends.contains(&host) {
        let message = format!("{} is no end of tunnel `{tunnel}`", host_text.value);
        cx.error(host_text.span, message, "");
    }
    let text = format!("rekey {what} at {}", host_text.value);
    Some(Draft { actions: vec![(host, command)], text, takes: Duration::ZERO })
}
