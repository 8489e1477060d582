//! An editor changes what an engine says, and nothing of what it believes.

mod common;

use core::fmt;
use core::time::Duration;

use common::{Cable, tunnel};
use ikelab_ike::config::Config;
use ikelab_ike::{Clear, Command, Damage, Editor, Engine, Icv, Saying, ToSeal, What};
use ikelab_trace::Phase;
use ikelab_wire::ike::{Header, Message};
use ikelab_wire::payload::{Body, Nonce, emit_chain};
use ikelab_wire::registry::{ExchangeType, PayloadType};

type Edit = fn(&Clear<'_>) -> Option<Vec<Saying>>;

struct Liar {
    speak: Edit,
    hear: Edit,
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Liar")
    }
}

impl Editor for Liar {
    fn speak(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>> {
        (self.speak)(message)
    }

    fn hear(&mut self, message: &Clear<'_>) -> Option<Vec<Saying>> {
        (self.hear)(message)
    }

    fn said(&mut self, message: &Clear<'_>, datagrams: &[Vec<u8>]) {
        assert_eq!(message.length, datagrams.iter().map(Vec::len).sum::<usize>());
    }

    fn notes(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
}

const HONEST: Edit = |_| None;

fn cable(end: usize, speak: Edit, hear: Edit) -> Cable {
    let mut cable = Cable::new(1, |_, _| {});
    let engine = Engine::new(Config::new(vec![tunnel(end)]));
    cable.ends[end].engine = engine.with_editor(Box::new(Liar { speak, hear }));
    cable
}

fn is(message: &Clear<'_>, exchange: ExchangeType, response: bool) -> bool {
    message.header.exchange == exchange && message.header.flags.response() == response
}

fn octets(octets: Vec<u8>) -> Vec<Saying> {
    vec![Saying { delay: Duration::ZERO, what: What::Octets(octets) }]
}

/// The message as it was meant, ready to lie.
fn to_seal(message: &Clear<'_>) -> ToSeal {
    let (first, inner) = emit_chain(message.payloads);
    let mut head = message.header.emit(PayloadType::SK, 0).to_vec();
    head.extend([first.0, 0, 0, 0]);
    ToSeal {
        head,
        inner,
        length: None,
        sk_length: None,
        pad_length: None,
        fragment: false,
        icv: Icv::Own,
        nested: false,
        damage: Vec::new(),
        after: Vec::new(),
        tail: Vec::new(),
    }
}

fn sealed(lie: ToSeal) -> Vec<Saying> {
    vec![Saying { delay: Duration::ZERO, what: What::Sealed(Box::new(lie)) }]
}

#[test]
fn a_first_message_goes_into_auth_as_it_went_out_and_so_does_its_nonce() {
    let mut cable = cable(
        0,
        |message| {
            is(message, ExchangeType::IKE_SA_INIT, false).then(|| {
                let mut payloads = message.payloads.to_vec();
                for payload in &mut payloads {
                    if let Body::Nonce(nonce) = &mut payload.body {
                        *nonce = Nonce(vec![7; 20]);
                    }
                }
                octets(Message { header: *message.header, payloads }.emit())
            })
        },
        HONEST,
    );
    cable.bring_up();
    cable.assert_agree(1);
    assert_eq!(cable.sent.len(), 4);
}

#[test]
fn what_was_to_be_sealed_is_sealed_with_its_lies() {
    let mut cable = cable(
        1,
        |message| {
            is(message, ExchangeType::IKE_AUTH, true)
                .then(|| sealed(ToSeal { length: Some(9), ..to_seal(message) }))
        },
        HONEST,
    );
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
    let answer = &cable.sent[3].octets;
    assert_eq!(Header::parse(answer).unwrap().length, 9);
    let opened = cable.channel(1).0.open(answer).expect("the checksum covers the lie");
    assert!(!opened.plaintext.is_empty());
    assert_eq!(cable.count(0, Phase::Established), 0, "R1 does not read it");
}

#[test]
fn a_kept_checksum_is_that_of_what_was_meant() {
    let edit: Edit = |message| {
        is(message, ExchangeType::IKE_AUTH, true).then(|| {
            let mut lie = to_seal(message);
            lie.inner[5] ^= 1;
            sealed(ToSeal { icv: Icv::Meant, ..lie })
        })
    };
    let mut cable = cable(1, edit, HONEST);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(100));
    assert_eq!(cable.discarded(0), ["forged"]);
}

#[test]
fn damage_comes_after_sealing_and_a_repeated_message_is_damaged_alike() {
    let edit: Edit = |message| {
        is(message, ExchangeType::IKE_AUTH, false).then(|| {
            let damage = vec![Damage::Flip(-1)];
            sealed(ToSeal { damage, ..to_seal(message) })
        })
    };
    let mut cable = cable(0, edit, HONEST);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(2));
    assert_eq!(cable.discarded(1), ["forged"; 3]);
    assert_eq!(cable.sent[2].octets, cable.sent[3].octets);
}

#[test]
fn an_unedited_message_that_is_said_by_the_editor_is_the_one_the_engine_would_have_sent() {
    let edit: Edit = |message| message.protected.then(|| sealed(to_seal(message)));
    let mut lying = cable(0, edit, HONEST);
    let mut honest = Cable::new(1, |_, _| {});
    for cable in [&mut lying, &mut honest] {
        cable.bring_up();
    }
    let octets = |cable: &Cable| -> Vec<Vec<u8>> {
        cable.sent.iter().map(|message| message.octets.clone()).collect()
    };
    assert_eq!(octets(&lying), octets(&honest));
}

#[test]
fn silence_is_repeated_as_silence_until_the_request_is_given_up() {
    let edit: Edit = |message| is(message, ExchangeType::IKE_AUTH, false).then(Vec::new);
    let mut cable = cable(0, edit, HONEST);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_secs(5));
    assert_eq!(cable.ladder(), ["R1 IKE_SA_INIT req 0", "R2 IKE_SA_INIT resp 0"]);
}

#[test]
fn what_is_heard_can_be_answered_late_and_in_the_place_of_the_engine() {
    let hear: Edit = |message| {
        is(message, ExchangeType::IKE_AUTH, false).then(|| {
            let mut lie = to_seal(message);
            // The response of the responder: the flags are turned round, and nothing is inside.
            lie.head[19] = 0x20;
            lie.head[28] = 0;
            lie.inner.clear();
            let delay = Duration::from_millis(70);
            vec![Saying { delay, what: What::Sealed(Box::new(lie)) }]
        })
    };
    let mut cable = cable(1, HONEST, hear);
    cable.command(0, Command::Up { tunnel: "site".into(), child: None });
    cable.run_for(Duration::from_millis(200));
    assert_eq!(cable.ladder()[2..4], ["R1 IKE_AUTH req 1", "R2 IKE_AUTH resp 1"]);
    let times = [&cable.sent[2], &cable.sent[3]].map(|message| message.at);
    assert_eq!(times[1] - times[0], Duration::from_millis(80), "10 on the way, 70 held back");
    assert_eq!(cable.read(1, &cable.sent[3].octets), []);
    assert_eq!(cable.count(1, Phase::Established), 0, "R2's engine never saw the request");
}
