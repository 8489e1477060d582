//! Records, and the trace they make up.

use std::io::{self, Write};

use ikelab_ambient::Instant;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{AppEvent, EspEvent, HostEvent, IkeEvent, NetEvent, Origin, PacketId, Sent};

/// The place of a host in [`Trace::hosts`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub u16);

/// The place of a link in [`Trace::links`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(pub u16);

/// One thing that happened at one host.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Instant,
    /// Where.
    pub host: HostId,
    /// The host's own count, from 0: the order of what happened there.
    pub seq: u64,
    /// What.
    pub fact: Fact,
}

impl Record {
    /// Which packet a host put on a link here: one that it passed on keeps its maker's name.
    #[must_use]
    pub fn packet(&self, sent: &Sent) -> PacketId {
        match sent.origin {
            Origin::PassedOn(packet) => packet,
            Origin::Here | Origin::Opened => PacketId { host: self.host, seq: self.seq },
        }
    }
}

/// What a record says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The host put a packet on a link.
    Sent(Sent),
    /// Its IKE engine says something.
    Ike(IkeEvent),
    /// Its ESP engine says something.
    Esp(EspEvent),
    /// Its network layer says something.
    Net(NetEvent),
    /// One of its applications says something.
    App(AppEvent),
    /// Something happened to the machine itself.
    Host(HostEvent),
    /// A step of the scenario began here.
    Step {
        /// Place of the step in the scenario, from 0.
        index: u32,
        /// The step in words.
        text: String,
    },
}

/// A host as the trace knows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HostInfo {
    /// Its name in the scenario.
    pub name: String,
    /// Its interfaces.
    pub ifaces: Vec<IfaceInfo>,
}

impl HostInfo {
    /// Whether it has this address on one of its interfaces.
    #[must_use]
    pub fn has(&self, address: std::net::IpAddr) -> bool {
        self.ifaces.iter().any(|iface| iface.addresses.iter().any(|(own, _)| *own == address))
    }
}

/// An interface as the trace knows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IfaceInfo {
    /// Its name in the scenario.
    pub name: String,
    /// Its addresses with the lengths of their prefixes.
    pub addresses: Vec<(std::net::IpAddr, u8)>,
    /// The link it is attached to; none for a loopback.
    pub link: Option<LinkId>,
}

/// A link as the trace knows it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LinkInfo {
    /// Its name in the scenario.
    pub name: String,
}

/// Everything that happened in one run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// The hosts, in the order of the scenario.
    pub hosts: Vec<HostInfo>,
    /// The links, in the order of the scenario.
    pub links: Vec<LinkInfo>,
    /// The records, in the order of (time, host, count).
    pub records: Vec<Record>,
}

impl Trace {
    /// The host with this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<HostId> {
        let place = self.hosts.iter().position(|host| host.name == name)?;
        u16::try_from(place).ok().map(HostId)
    }

    /// The name of a host; `?` for one that the trace does not know.
    #[must_use]
    pub fn name(&self, host: HostId) -> &str {
        self.hosts.get(usize::from(host.0)).map_or("?", |host| host.name.as_str())
    }

    /// The host that has this address on one of its interfaces.
    #[must_use]
    pub fn owner(&self, address: std::net::IpAddr) -> Option<HostId> {
        let place = self.hosts.iter().position(|host| host.has(address))?;
        u16::try_from(place).ok().map(HostId)
    }

    /// Puts the records of all hosts in the order of (time, host, count).
    pub fn sort(&mut self) {
        self.records.sort_by_key(|record| (record.at, record.host, record.seq));
    }

    /// Writes the trace as lines of JSON: the hosts, the links, then a record a line.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn write_lines(&self, sink: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *sink, &Head { hosts: &self.hosts, links: &self.links })?;
        sink.write_all(b"\n")?;
        for record in &self.records {
            serde_json::to_writer(&mut *sink, record)?;
            sink.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Reads what [`Trace::write_lines`] wrote.
    ///
    /// # Errors
    /// The line that is not one of a trace, counted from 1, and what is wrong with it.
    pub fn read_lines(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().enumerate();
        let (_, head) = lines.next().ok_or("line 1: the trace is empty")?;
        let head: OwnedHead = serde_json::from_str(head).map_err(|why| format!("line 1: {why}"))?;
        let records = lines
            .map(|(place, line)| {
                serde_json::from_str(line).map_err(|why| format!("line {}: {why}", place + 1))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { hosts: head.hosts, links: head.links, records })
    }

    /// SHA-256 of the trace's lines, in hexadecimal: what `sha256sum trace.jsonl` prints.
    #[must_use]
    pub fn digest(&self) -> String {
        self.write_hashed(io::sink()).expect("nothing is written")
    }

    /// Writes the lines and gives their digest; each is made once, for both.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn write_hashed(&self, sink: impl Write) -> io::Result<String> {
        let both = Hashed { hasher: Sha256::new(), sink };
        let mut lines = io::BufWriter::with_capacity(1 << 16, both);
        self.write_lines(&mut lines)?;
        lines.flush()?;
        let digest = lines.get_ref().hasher.clone().finalize();
        Ok(hex::encode(digest))
    }
}

/// SHA-256 of some octets, in hexadecimal: what `sha256sum` prints of a file that holds them.
#[must_use]
pub fn sha256(octets: &[u8]) -> String {
    hex::encode(Sha256::digest(octets))
}

#[derive(Serialize)]
struct Head<'a> {
    hosts: &'a [HostInfo],
    links: &'a [LinkInfo],
}

#[derive(Deserialize)]
struct OwnedHead {
    hosts: Vec<HostInfo>,
    links: Vec<LinkInfo>,
}

/// What goes to a sink, hashed on its way.
struct Hashed<W> {
    hasher: Sha256,
    sink: W,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let taken = self.sink.write(octets)?;
        self.hasher.update(&octets[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Octets;

    fn trace() -> Trace {
        let record = |at, seq| Record {
            at: Instant::from_nanos(at),
            host: HostId(0),
            seq,
            fact: Fact::Net(NetEvent::Dropped {
                reason: "no route".into(),
                detail: String::new(),
                packet: Octets::from(vec![0x45, 0]),
            }),
        };
        let host = HostInfo { name: "R1".into(), ifaces: Vec::new() };
        Trace { hosts: vec![host], links: Vec::new(), records: vec![record(1, 0), record(2, 1)] }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let mut lines = Vec::new();
        trace().write_lines(&mut lines).unwrap();
        assert_eq!(Trace::read_lines(str::from_utf8(&lines).unwrap()), Ok(trace()));
    }

    #[test]
    fn the_digest_is_the_sha256_of_the_file_and_tells_one_nanosecond() {
        let mut lines = Vec::new();
        trace().write_lines(&mut lines).unwrap();
        assert_eq!(trace().digest(), hex::encode(Sha256::digest(&lines)));
        let mut other = trace();
        other.records[1].at = Instant::from_nanos(3);
        assert_ne!(trace().digest(), other.digest());
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let text = "{\"hosts\":[],\"links\":[]}\n{\"at\":1}\n";
        assert!(Trace::read_lines(text).unwrap_err().starts_with("line 2: "));
    }
}
