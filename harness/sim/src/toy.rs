//! A toy node for the drivers' tests: it notes what happens to it, and chatters.

use std::time::Duration;

use ikelab_ambient::{Entropy, Instant, Purpose, Seeded, Value};
use ikelab_net::Frame;
use ikelab_trace::{HostId, LinkId, PacketId};

use crate::{Input, Node, Station};

/// What a toy can be told.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Send so many packets, each of which may be answered by up to two, so many times on.
    Chatter(u32, u8),
    /// Panic.
    Panic,
    /// Ask to be called at this very moment for ever.
    Spin,
}

/// A node that notes what happens to it, and chatters.
pub(crate) struct Toy {
    host: HostId,
    toys: u16,
    entropy: Seeded,
    seq: u64,
    deadline: Option<Instant>,
    spins: bool,
    /// What happened to it.
    pub(crate) log: Vec<(Instant, String)>,
}

impl Toy {
    fn below(&mut self, bound: u64) -> u64 {
        self.entropy.below(Purpose::aside(Value::Fate), bound)
    }

    /// Few different latencies and links, so that many packets arrive at one moment.
    fn send(&mut self, now: Instant, times_on: u8) -> Frame {
        let others = u64::from(self.toys) - 1;
        let to = (u64::from(self.host.0) + 1 + self.below(others)) % u64::from(self.toys);
        let wait = Duration::from_millis(1 + self.below(3));
        let link = u16::try_from(self.below(3)).unwrap();
        self.seq += 1;
        Frame {
            at: now + wait,
            link: LinkId(link),
            from: self.host,
            seq: self.seq,
            to: HostId(u16::try_from(to).unwrap()),
            iface: 0,
            packet: PacketId { host: self.host, seq: self.seq },
            overheard: false,
            octets: vec![times_on, 1, 2, 3].into(),
        }
    }
}

impl Node for Toy {
    type Command = Order;

    fn handle(&mut self, now: Instant, input: Input<Order>, out: &mut Vec<Frame>) {
        self.log.push((now, format!("{input:?}")));
        match input {
            Input::Command(Order::Chatter(packets, times_on)) => {
                for _ in 0..packets {
                    out.push(self.send(now, times_on));
                }
            }
            Input::Command(Order::Panic) => panic!("told to"),
            Input::Command(Order::Spin) => {
                self.deadline = Some(now);
                self.spins = true;
            }
            Input::Frame(frame) => {
                let times_on = frame.octets[0];
                for _ in 0..self.below(3) * u64::from(times_on > 0) {
                    out.push(self.send(now, times_on - 1));
                }
                if self.below(4) == 0 {
                    self.deadline = Some(now + Duration::from_millis(self.below(3)));
                }
            }
            Input::Deadline => {
                self.deadline = self.deadline.filter(|_| self.spins);
                if self.below(2) == 0 && !self.spins {
                    out.push(self.send(now, 1));
                }
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// So many toys, each with this agenda.
pub(crate) fn stations(
    toys: u16,
    seed: u64,
    agenda: impl Fn(u16) -> Vec<(Instant, Order)>,
) -> Vec<Station<Toy>> {
    let station = |place| {
        let toy = Toy {
            host: HostId(place),
            toys,
            entropy: Seeded::new(seed, &format!("toy {place}")),
            seq: 0,
            deadline: None,
            spins: false,
            log: Vec::new(),
        };
        Station::new(HostId(place), toy, agenda(place))
    };
    (0..toys).map(station).collect()
}
