//! Keys from the trace of a run: what its hosts logged when SAs came up.

use ikelab_crypto::{Encr, Integ};
use ikelab_trace::{ChildInstalled, Fact, IkeEvent, IkeKeysLogged, Suite, Trace};
use ikelab_wire::registry::EsnId;

use super::{Algorithms, EspKeys, IkeKeys, KeyTable};

impl KeyTable {
    /// All keys of a run. An SA whose algorithms can't be opened here is left out.
    #[must_use]
    pub fn from_trace(trace: &Trace) -> Self {
        let mut table = Self::default();
        for record in &trace.records {
            match &record.fact {
                Fact::Ike(IkeEvent::Keys(keys)) => table.learn_ike(keys),
                Fact::Ike(IkeEvent::ChildInstalled(child)) => table.learn_child(child),
                _ => {}
            }
        }
        table
    }

    /// Adds the keys that a host logged for an IKE SA.
    pub fn learn_ike(&mut self, logged: &IkeKeysLogged) {
        let Some(algorithms) = algorithms(&logged.suite) else { return };
        // Keys of a wrong length seal nothing that was sent: there is nothing to learn.
        let _ = self.add_ike(IkeKeys {
            initiator_spi: logged.sa.initiator,
            responder_spi: logged.sa.responder,
            algorithms,
            sk_ei: logged.sk_ei.to_vec(),
            sk_er: logged.sk_er.to_vec(),
            sk_ai: logged.sk_ai.to_vec(),
            sk_ar: logged.sk_ar.to_vec(),
        });
    }

    /// Adds the keys that a host logged for a Child SA, in both directions.
    ///
    /// Its addresses are those at that time and place: a NAT shows others to the capture, and
    /// RFC 4555 moves them. The SPI tells, and the integrity check confirms.
    pub fn learn_child(&mut self, child: &ChildInstalled) {
        let Some(algorithms) = algorithms(&child.suite) else { return };
        let esn = Some(child.suite.esn == Some(EsnId::ESN));
        let keys = &child.keys;
        let ways = [
            (child.spi_out, &keys.encr_out, &keys.integ_out),
            (child.spi_in, &keys.encr_in, &keys.integ_in),
        ];
        for (spi, encr, integ) in ways {
            let (encr, integ) = (encr.to_vec(), integ.to_vec());
            let spi = Some(spi);
            let _ =
                self.add_esp(EspKeys { src: None, dst: None, spi, algorithms, encr, integ, esn });
        }
    }
}

fn algorithms(suite: &Suite) -> Option<Algorithms> {
    let encr = Encr::from_transform(suite.encr, suite.encr_bits)?;
    let integ = match suite.integ {
        Some(id) => Some(Integ::from_id(id)?),
        None => None,
    };
    Algorithms::new(encr, integ)
}
