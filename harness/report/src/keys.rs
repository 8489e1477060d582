//! The key tables of Wireshark for a run, and the script that opens its capture with them.

use std::collections::BTreeSet;
use std::fmt::Write;

use ikelab_crypto::{Encr, Integ};
use ikelab_dissect::keys::{
    OURS, esp_authentication, esp_encryption, ike_encryption, ike_integrity, unnamed_encryption,
};
use ikelab_trace::{ChildInstalled, Fact, IkeEvent, IkeKeysLogged, NetEvent, Octets, Suite, Trace};
use ikelab_wire::ike::EspSpi;
use std::net::IpAddr;

use crate::words;

/// The files with which Wireshark reads a run's capture.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyFiles {
    /// `keys/ikev2_decryption_table`.
    pub ikev2_decryption_table: String,
    /// `keys/esp_sa`.
    pub esp_sa: String,
    /// `wireshark.sh`, which stands beside `capture.pcapng` and `keys/`.
    pub wireshark_sh: String,
}

/// Writes the key tables of a run. One line that Wireshark does not know would disable the whole
/// table, so an SA whose algorithms have no name there stands as a comment in the script.
#[must_use]
pub fn key_files(trace: &Trace) -> KeyFiles {
    let (mut ike, mut esp, mut unnamed) = (Lines::default(), Lines::default(), Lines::default());
    let aliases = Aliases::of(trace);
    for record in &trace.records {
        match &record.fact {
            Fact::Ike(IkeEvent::Keys(keys)) => {
                let name = ike_names(&keys.suite);
                if name.as_ref().is_none_or(|names| names.unknown) {
                    unnamed.add(format!("IKE SA {}: {}", keys.sa, words::suite(&keys.suite)));
                }
                name.into_iter().for_each(|names| ike.add(ike_line(keys, &names)));
            }
            Fact::Ike(IkeEvent::ChildInstalled(child)) => {
                let name = esp_names(&child.suite);
                if name.as_ref().is_none_or(|names| names.unknown) {
                    let spis = format!("{} {}", child.spi_in, child.spi_out);
                    unnamed.add(format!("ESP SAs {spis}: {}", words::suite(&child.suite)));
                }
                name.into_iter()
                    .flat_map(|names| esp_lines(child, &names, &aliases))
                    .for_each(|line| esp.add(line));
            }
            _ => {}
        }
    }
    KeyFiles {
        ikev2_decryption_table: ike.text,
        esp_sa: esp.text,
        wireshark_sh: script(&unnamed.text),
    }
}

/// Lines in the order in which they came, each once: both ends log the same keys.
#[derive(Default)]
struct Lines {
    text: String,
    known: BTreeSet<String>,
}

impl Lines {
    fn add(&mut self, line: String) {
        if !self.known.contains(&line) {
            let _ = writeln!(self.text, "{line}");
            self.known.insert(line);
        }
    }
}

fn algorithms(suite: &Suite) -> Option<(Encr, Option<Integ>)> {
    let encr = Encr::from_transform(suite.encr, suite.encr_bits)?;
    match suite.integ.filter(|id| id.0 != 0) {
        Some(id) => Some((encr, Some(Integ::from_id(id)?))),
        None => Some((encr, None)),
    }
}

/// What the tables call the algorithms of an SA.
struct Names {
    encryption: String,
    integrity: &'static str,
    /// Wireshark 4.0 does not know the name: the line is for `ikelab decode`.
    unknown: bool,
}

impl Names {
    fn new(known: Option<String>, encr: Encr, integrity: Option<&'static str>) -> Option<Self> {
        let unknown = known.is_none();
        let encryption = known.or_else(|| unnamed_encryption(encr).map(str::to_owned))?;
        Some(Self { encryption, integrity: integrity?, unknown })
    }

    fn mark(&self) -> &'static str {
        if self.unknown { OURS } else { "" }
    }
}

fn ike_names(suite: &Suite) -> Option<Names> {
    let (encr, integ) = algorithms(suite)?;
    Names::new(ike_encryption(encr), encr, ike_integrity(integ))
}

fn esp_names(suite: &Suite) -> Option<Names> {
    let (encr, integ) = algorithms(suite)?;
    Names::new(esp_encryption(encr).map(str::to_owned), encr, esp_authentication(integ))
}

/// Hexadecimal columns have neither quotes nor `0x`.
fn ike_line(keys: &IkeKeysLogged, names: &Names) -> String {
    let (initiator, responder) = (keys.sa.initiator, keys.sa.responder);
    let (sk_ei, sk_er, sk_ai, sk_ar) =
        (hex(&keys.sk_ei), hex(&keys.sk_er), hex(&keys.sk_ai), hex(&keys.sk_ar));
    let Names { encryption, integrity, .. } = names;
    let mark = names.mark();
    format!(
        "{mark}{initiator},{responder},{sk_ei},{sk_er},\"{encryption}\",{sk_ai},{sk_ar},\"{integrity}\""
    )
}

fn esp_lines(child: &ChildInstalled, names: &Names, aliases: &Aliases) -> Vec<String> {
    let keys = &child.keys;
    let mut lines = Vec::new();
    for local in aliases.all(child.local.ip()) {
        for remote in aliases.all(child.remote.ip()) {
            let (out, back) = ((local, remote), (remote, local));
            lines.push(esp_line(out, child.spi_out, names, &keys.encr_out, &keys.integ_out));
            lines.push(esp_line(back, child.spi_in, names, &keys.encr_in, &keys.integ_in));
        }
    }
    lines
}

/// Addresses that stand for each other at NATs: a packet bears one before and another behind.
struct Aliases(BTreeSet<(IpAddr, IpAddr)>);

impl Aliases {
    fn of(trace: &Trace) -> Self {
        let mapped = trace.records.iter().filter_map(|record| match &record.fact {
            Fact::Net(NetEvent::Mapped { inside, outside, .. }) => {
                Some((inside.ip(), outside.ip()))
            }
            // An SA goes on under the new address where the peer follows.
            Fact::Net(NetEvent::Moved { from, to, .. }) => Some((*from, *to)),
            _ => None,
        });
        Self(mapped.collect())
    }

    /// The address itself, then what it is mapped to, and what else the hosts behind it have had.
    fn all(&self, address: IpAddr) -> Vec<IpAddr> {
        let hosts = self.0.iter().filter(|(_, outside)| *outside == address);
        let mut hosts: BTreeSet<IpAddr> = hosts.map(|(inside, _)| *inside).collect();
        hosts.insert(address);
        let outsides = self.0.iter().filter(|(inside, _)| hosts.contains(inside));
        let mut all = vec![address];
        let others = hosts.iter().copied().chain(outsides.map(|(_, outside)| *outside));
        for other in others {
            if !all.contains(&other) {
                all.push(other);
            }
        }
        all
    }
}

/// Every column stands in quotes, and keys have `0x`.
fn esp_line(
    (src, dst): (IpAddr, IpAddr),
    spi: EspSpi,
    names: &Names,
    encr: &Octets,
    integ: &Octets,
) -> String {
    let family = if src.is_ipv4() { "IPv4" } else { "IPv6" };
    let key = |octets: &Octets| match octets.len() {
        0 => String::new(),
        _ => format!("0x{}", hex(octets)),
    };
    let columns = [
        family,
        &src.to_string(),
        &dst.to_string(),
        &format!("0x{spi}"),
        &names.encryption,
        &key(encr),
        names.integrity,
        &key(integ),
    ];
    format!("{}\"{}\"", names.mark(), columns.join("\",\""))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn script(unnamed: &str) -> String {
    let mut text = String::from(
        "#!/bin/sh\n\
         # Opens the capture of this run, decrypted. `WIRESHARK=tshark ./wireshark.sh` for text.\n",
    );
    for line in unnamed.lines() {
        let _ = writeln!(text, "# Wireshark 4.0 has no name for the algorithms of {line}");
    }
    text.push_str(
        "here=$(cd \"$(dirname \"$0\")\" && pwd)\n\
         export WIRESHARK_CONFIG_DIR=\"$here/keys\"\n\
         exec \"${WIRESHARK:-wireshark}\" -r \"$here/capture.pcapng\" \\\n    \
         -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE \"$@\"\n",
    );
    text
}
