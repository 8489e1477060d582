//! A Child SA as IKE keeps it: its SPIs, its selectors, its timers.

use ikelab_ambient::Instant;
use ikelab_crypto::ChildKeys;
use ikelab_trace::{ChildInstalled, ChildKeysLogged, EspMode, IkeEvent, Octets, Role, SaId, Suite};
use ikelab_wire::ike::EspSpi;
use ikelab_wire::payload::SelectorRange;

use crate::config::{self, Lifetime};
use crate::context::{Claim, Context};
use crate::io::{ChildSa, Output};
use crate::negotiate;
use crate::sa::Path;
use crate::selectors;

/// A pair of SAs, one to us and one to the peer.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    /// Place of its configuration in the tunnel's.
    pub(crate) config: usize,
    pub(crate) spi_in: EspSpi,
    pub(crate) spi_out: EspSpi,
    pub(crate) state: State,
    pub(crate) mode: EspMode,
    pub(crate) local_ts: Vec<SelectorRange>,
    pub(crate) remote_ts: Vec<SelectorRange>,
    /// True when the peer would make more of them, for other packets of the same configuration.
    pub(crate) more: bool,
    pub(crate) rekey_at: Option<Instant>,
    pub(crate) expires_at: Option<Instant>,
    /// The peer refused to replace it.
    pub(crate) refused: bool,
    /// True when its configuration has got other selectors since.
    pub(crate) outgrown: bool,
}

/// Where a Child SA stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It carries packets.
    Live,
    /// We are rekeying it: our request is open.
    Rekeying,
    /// Another has replaced it, and it waits to be deleted by the side that has to.
    Replaced,
    /// Our Delete of it is open.
    Deleting,
}

/// What an exchange agreed on, ready to be installed.
pub(crate) struct Agreed {
    pub(crate) config: usize,
    pub(crate) role: Role,
    pub(crate) spi_in: EspSpi,
    pub(crate) spi_out: EspSpi,
    pub(crate) suite: Suite,
    pub(crate) mode: EspMode,
    pub(crate) keys: ChildKeys,
    pub(crate) local_ts: Vec<SelectorRange>,
    pub(crate) remote_ts: Vec<SelectorRange>,
    pub(crate) replaces: Option<EspSpi>,
    pub(crate) send_at_once: bool,
    pub(crate) more: bool,
    pub(crate) peer_takes_tfc: bool,
    pub(crate) non_first_fragments: bool,
}

/// The IKE SA that a Child SA is installed under.
pub(crate) struct Parent {
    pub(crate) sa: SaId,
    pub(crate) tunnel: usize,
    pub(crate) path: Path,
}

impl Child {
    /// Installs what was agreed on; says so to ESP and to the trace.
    pub(crate) fn install(agreed: Agreed, parent: &Parent, cx: &mut Context<'_>) -> Self {
        let tunnel = cx.tunnel(parent.tunnel);
        let config = tunnel.children.get(agreed.config).expect("chosen from this list");
        let (tunnel_name, child_name) = (tunnel.name.clone(), config.name.clone());
        let (rekey_at, expires_at) = deadlines(config.lifetime, cx);
        let protection = negotiate::protection(&agreed.suite).expect("chosen among the supported");
        let words = |ranges: &[SelectorRange]| ranges.iter().map(ToString::to_string).collect();
        cx.event(IkeEvent::ChildInstalled(Box::new(ChildInstalled {
            child: child_name.clone(),
            tunnel: tunnel_name.clone(),
            parent: parent.sa,
            role: agreed.role,
            spi_in: agreed.spi_in,
            spi_out: agreed.spi_out,
            suite: agreed.suite.clone(),
            mode: agreed.mode,
            local: parent.path.local,
            remote: parent.path.remote,
            encapsulated: parent.path.nat.any(),
            local_ts: words(&agreed.local_ts),
            remote_ts: words(&agreed.remote_ts),
            keys: logged(&agreed.keys, agreed.role),
            rekey_at,
            expires_at,
            replaces: agreed.replaces,
        })));
        if parent.path.nat.peers {
            let (local_ts, remote_ts) = (agreed.local_ts.clone(), agreed.remote_ts.clone());
            cx.spis.claim(agreed.spi_in, Claim { tunnel: parent.tunnel, local_ts, remote_ts });
        }
        let child = Self {
            config: agreed.config,
            spi_in: agreed.spi_in,
            spi_out: agreed.spi_out,
            state: State::Live,
            mode: agreed.mode,
            local_ts: agreed.local_ts.clone(),
            remote_ts: agreed.remote_ts.clone(),
            more: agreed.more,
            rekey_at,
            expires_at,
            refused: false,
            outgrown: false,
        };
        cx.out.push(Output::Install(Box::new(ChildSa {
            child: format!("{tunnel_name}.{child_name}"),
            spi_in: agreed.spi_in,
            spi_out: agreed.spi_out,
            protection,
            keys: agreed.keys,
            initiator: agreed.role == Role::Initiator,
            esn: negotiate::is_esn(&agreed.suite),
            mode: agreed.mode,
            local: parent.path.local,
            remote: parent.path.remote,
            encapsulated: parent.path.nat.any(),
            local_ts: agreed.local_ts,
            remote_ts: agreed.remote_ts,
            peer_takes_tfc: agreed.peer_takes_tfc,
            non_first_fragments: agreed.non_first_fragments,
            send_at_once: agreed.send_at_once,
            replaces: agreed.replaces,
        })));
        child
    }

    /// Takes it out of ESP and says so.
    pub(crate) fn uninstall(&self, reason: &'static str, cx: &mut Context<'_>) {
        cx.spis.bury(self.spi_in);
        cx.out.push(Output::Remove { spi_in: self.spi_in });
        cx.event(IkeEvent::ChildRemoved {
            spi_in: self.spi_in,
            spi_out: self.spi_out,
            reason: reason.into(),
        });
    }

    /// True when its selectors have this packet; no packet in particular is always within them.
    pub(crate) fn carries(&self, packet: &Option<(SelectorRange, SelectorRange)>) -> bool {
        let has = |ranges: &[SelectorRange], one: &SelectorRange| {
            ranges.iter().any(|range| selectors::is_within(one, range))
        };
        packet.as_ref().is_none_or(|(local, remote)| {
            has(&self.local_ts, local) && has(&self.remote_ts, remote)
        })
    }

    /// True when policy, as it is now, does not want what it carries (RFC 7296 §2.9.2). In transport
    /// mode a NAT may have changed what its selectors say.
    pub(crate) fn is_against(&self, config: &config::Child) -> bool {
        let within = || {
            selectors::is_subset(&self.local_ts, &config.local)
                && selectors::is_subset(&self.remote_ts, &config.remote)
        };
        config.retired || (self.mode == EspMode::Tunnel && !within())
    }

    /// True when it has all that its configuration has.
    pub(crate) fn is_whole(&self, config: &config::Child) -> bool {
        selectors::is_subset(&config.local, &self.local_ts)
            && selectors::is_subset(&config.remote, &self.remote_ts)
    }

    /// Its two addresses, if it is for these alone while others are for others.
    pub(crate) fn pair(&self) -> Option<(SelectorRange, SelectorRange)> {
        let ([local], [remote]) = (self.local_ts.as_slice(), self.remote_ts.as_slice()) else {
            return None;
        };
        let single = |range: &SelectorRange| range.start == range.end;
        (self.more && single(local) && single(remote)).then_some((*local, *remote))
    }

    /// True when another has all of its selectors (RFC 7296 §2.9.2).
    pub(crate) fn is_covered(
        &self,
        local_ts: &[SelectorRange],
        remote_ts: &[SelectorRange],
    ) -> bool {
        selectors::is_subset(&self.local_ts, local_ts)
            && selectors::is_subset(&self.remote_ts, remote_ts)
    }

    /// When it next wants attention.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.rekey_at.into_iter().chain(self.expires_at).min()
    }
}

/// When an SA made now is to be replaced, and when it ends.
pub(crate) fn deadlines(
    lifetime: Lifetime,
    cx: &mut Context<'_>,
) -> (Option<Instant>, Option<Instant>) {
    let soft = lifetime.soft.map(|soft| {
        let early = cx.jitter(lifetime.jitter);
        cx.now + soft.saturating_sub(early)
    });
    (soft, lifetime.hard.map(|hard| cx.now + hard))
}

fn logged(keys: &ChildKeys, role: Role) -> ChildKeysLogged {
    let octets = |secret: &[u8]| Octets::from(secret);
    let (encr_i, integ_i) = (octets(&keys.encr_i), octets(&keys.integ_i));
    let (encr_r, integ_r) = (octets(&keys.encr_r), octets(&keys.integ_r));
    let ((encr_out, integ_out), (encr_in, integ_in)) = match role {
        Role::Initiator => ((encr_i, integ_i), (encr_r, integ_r)),
        Role::Responder => ((encr_r, integ_r), (encr_i, integ_i)),
    };
    ChildKeysLogged { encr_out, integ_out, encr_in, integ_in }
}
