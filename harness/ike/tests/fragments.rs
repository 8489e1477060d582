//! RFC 7383: messages cut into fragments, and put together again whatever the path does to them.

mod common;

use core::time::Duration;

use common::{Cable, Message, esp_proposals, ike_proposals};
use ikelab_ike::Command;
use ikelab_trace::{IkeEvent, Phase};
use ikelab_wire::ike::{self, Flags, Header};
use ikelab_wire::payload::{Body, EncryptedFragment, Notify, Payload};
use ikelab_wire::registry::{ExchangeType, NotifyType, PayloadType};
use proptest::prelude::*;

/// The largest IP datagram; the IPv4 and UDP headers take 28 octets of it.
const DATAGRAM: usize = 150;

fn fragmenting(seed: u64) -> Cable {
    Cable::new(seed, |_, tunnel| tunnel.options.fragmentation = Some(DATAGRAM))
}

fn up() -> Cable {
    let mut cable = fragmenting(1);
    cable.bring_up();
    cable
}

/// The SKF payload of a message that is nothing else.
fn skf(octets: &[u8]) -> Option<EncryptedFragment> {
    let mut payloads = ike::Message::parse(octets).unwrap().payloads;
    match payloads.pop()?.body {
        Body::Skf(skf) if payloads.is_empty() => Some(skf),
        _ => None,
    }
}

fn header(octets: &[u8]) -> Header {
    Header::parse(octets).unwrap().header
}

/// The messages of one exchange in one direction.
fn messages(cable: &Cable, from: usize, exchange: ExchangeType) -> Vec<Message> {
    let fits = |m: &&Message| m.from == from && header(&m.octets).exchange == exchange;
    cable.sent.iter().filter(fits).cloned().collect()
}

/// A question for a sign of life with much to say.
fn long_question() -> [Payload; 1] {
    [Body::Notify(Notify::new(NotifyType(40_000), &[7; 400])).into()]
}

/// Fragments of R1's next request, an INFORMATIONAL, cut for datagrams of this size.
fn question(cable: &Cable, longest: usize) -> Vec<Vec<u8>> {
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    cable.forge_fragments(0, &header, &long_question(), longest)
}

fn answers(cable: &Cable) -> Vec<Message> {
    messages(cable, 1, ExchangeType::INFORMATIONAL)
}

#[test]
fn both_say_that_they_take_fragments_with_an_empty_notify_16430() {
    let cable = up();
    for message in &cable.sent[..2] {
        let payloads = ike::Message::parse(&message.octets).unwrap().payloads;
        let said = payloads.iter().any(|payload| {
            let expected = Notify::new(NotifyType(16_430), &[]);
            payload.body == Body::Notify(expected)
        });
        assert!(said, "{payloads:?}");
    }
}

#[test]
fn fragments_are_numbered_and_small_enough_and_share_their_header() {
    for suite in ["aes256gcm16-prfsha256-x25519", "aes256-sha256-x25519"] {
        let mut cable = Cable::new(1, |_, tunnel| {
            tunnel.options.fragmentation = Some(DATAGRAM);
            tunnel.proposals = ike_proposals(&[suite]);
        });
        cable.bring_up();
        for from in 0..2 {
            let set = messages(&cable, from, ExchangeType::IKE_AUTH);
            let total = u16::try_from(set.len()).unwrap();
            assert!(total > 1, "IKE_AUTH is longer than that");
            for (number, message) in (1..).zip(&set) {
                assert!(message.octets.len() + 28 <= DATAGRAM, "{}", message.octets.len());
                assert_eq!(header(&message.octets), header(&set[0].octets));
                let skf = skf(&message.octets).expect("SKF and nothing else");
                assert_eq!((skf.number, skf.total), (number, total));
                assert_eq!(skf.first != PayloadType::NO_NEXT, number == 1);
            }
        }
    }
}

#[test]
fn small_messages_stay_whole() {
    let mut cable = up();
    cable.command(0, Command::Clear { children: true });
    cable.run_for(Duration::from_secs(1));
    let delete = &messages(&cable, 0, ExchangeType::INFORMATIONAL)[0];
    assert!(skf(&delete.octets).is_none());
}

#[test]
fn without_the_word_of_both_nothing_is_cut_and_fragments_are_dropped() {
    for end in 0..2 {
        let mut cable = Cable::new(1, |place, tunnel| {
            tunnel.options.fragmentation = (place == end).then_some(DATAGRAM);
        });
        cable.bring_up();
        assert_eq!(cable.sent.len(), 4);
        for fragment in question(&cable, 200) {
            cable.inject(1, &fragment);
        }
        assert!(answers(&cable).is_empty());
        assert!(cable.discarded(1).iter().all(|reason| reason == "fragments were not agreed on"));
    }
}

#[test]
fn one_lost_fragment_makes_the_whole_set_come_again_octet_for_octet() {
    let clean = up();
    let count = clean.sent.len();
    for lost in 2..count {
        let mut cable = fragmenting(1);
        let mut place = 0;
        cable.hand = Box::new(move |_| {
            place += 1;
            place - 1 != lost
        });
        cable.bring_up();
        cable.assert_agree(1);
        let requests = messages(&cable, 0, ExchangeType::IKE_AUTH);
        let (first, again) = requests.split_at(requests.len() / 2);
        let octets = |set: &[Message]| set.iter().map(|m| m.octets.clone()).collect::<Vec<_>>();
        assert_eq!(octets(first), octets(again), "lost was {lost}");
        let answers = messages(&cable, 1, ExchangeType::IKE_AUTH);
        let set = octets(&messages(&clean, 1, ExchangeType::IKE_AUTH));
        assert!(octets(&answers).chunks(set.len()).all(|repeated| repeated == set));
    }
}

#[test]
fn a_forged_fragment_before_and_after_the_true_one_changes_nothing() {
    let mut cable = up();
    for mut fragment in question(&cable, 200) {
        let good = fragment.clone();
        *fragment.last_mut().unwrap() ^= 1;
        cable.inject(1, &fragment);
        cable.inject(1, &good);
        cable.inject(1, &fragment);
    }
    assert_eq!(answers(&cable).len(), 1);
    assert!(cable.discarded(1).contains(&"forged".to_owned()));
}

#[test]
fn a_fragment_of_one_message_does_not_fit_into_another() {
    let mut cable = up();
    let next = cable.header(0, ExchangeType::INFORMATIONAL, false, 3);
    let others = cable.forge_fragments(0, &next, &long_question(), 200);
    let mut fragments = question(&cable, 200);
    // The body of the other message under the header of this one.
    let spliced = [&fragments[1][..28], &others[1][28..]].concat();
    fragments[1] = spliced;
    for fragment in fragments {
        cable.inject(1, &fragment);
    }
    assert!(answers(&cable).is_empty());
}

#[test]
fn a_set_of_more_fragments_replaces_the_one_before_and_of_fewer_is_dropped() {
    let mut cable = up();
    let (large, small) = (question(&cable, 300), question(&cable, 150));
    assert!(small.len() > large.len());
    cable.inject(1, &large[0]);
    for fragment in &small[..2] {
        cable.inject(1, fragment);
    }
    for fragment in &large {
        cable.inject(1, fragment);
    }
    assert!(answers(&cable).is_empty(), "the two sets are not mixed, and the old one is over");
    assert!(cable.discarded(1).contains(&"older fragments".to_owned()));
    for fragment in &small[2..] {
        cable.inject(1, fragment);
    }
    assert_eq!(answers(&cable).len(), 1);
}

#[test]
fn fragments_of_a_message_that_never_is_whole_are_forgotten() {
    let mut cable = up();
    let fragments = question(&cable, 200);
    for fragment in &fragments[1..] {
        cable.inject(1, fragment);
    }
    cable.run_for(Duration::from_secs(61));
    assert!(cable.discarded(1).contains(&"incomplete message".to_owned()));
    assert_eq!(cable.ends[1].engine.deadline(), None);
    cable.inject(1, &fragments[0]);
    assert!(answers(&cable).is_empty());
    for fragment in &fragments {
        cable.inject(1, fragment);
    }
    assert_eq!(answers(&cable).len(), 1);
}

#[test]
fn only_the_first_fragment_of_an_answered_request_calls_for_the_answer() {
    let mut cable = up();
    let fragments = question(&cable, 200);
    for fragment in &fragments {
        cable.inject(1, fragment);
    }
    for fragment in &fragments[1..] {
        cable.inject(1, fragment);
    }
    assert_eq!(answers(&cable).len(), 1);
    assert!(cable.discarded(1).contains(&"repeated fragment".to_owned()));
    cable.inject(1, &fragments[0]);
    let both = answers(&cable);
    assert_eq!(both.len(), 2);
    assert_eq!(both[0].octets, both[1].octets);
}

#[test]
fn impossible_numbers_are_dropped_before_they_are_opened() {
    let mut cable = up();
    let good = &question(&cable, 200)[0];
    for (number, total) in [(0_u16, 3_u16), (0, 0), (3, 0), (4, 3), (1, u16::MAX)] {
        let mut octets = good.clone();
        octets[32..34].copy_from_slice(&number.to_be_bytes());
        octets[34..36].copy_from_slice(&total.to_be_bytes());
        cable.inject(1, &octets);
    }
    assert_eq!(cable.discarded(1), ["impossible fragment"; 5]);
    // One of one is an odd way to send a message, and a good one.
    for whole in question(&cable, 2_000) {
        assert_eq!(skf(&whole).map(|skf| (skf.number, skf.total)), Some((1, 1)));
        cable.inject(1, &whole);
    }
    assert_eq!(answers(&cable).len(), 1);
}

#[test]
fn a_peer_that_fills_the_memory_loses_its_ike_sa() {
    let mut cable = up();
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let endless = [(); 2].map(|()| Notify::new(NotifyType(40_000), &[7; 60_000]));
    let inner = endless.map(|notify| Body::Notify(notify).into());
    for fragment in cable.forge_fragments(0, &header, &inner, 10_000).iter().rev() {
        cable.inject(1, fragment);
    }
    assert!(cable.discarded(1).contains(&"too many fragments".to_owned()));
    assert!(cable.ends[1].installed.is_empty());
    assert_eq!(cable.ends[1].engine.deadline(), None);
}

#[test]
fn ike_sa_init_is_never_a_fragment() {
    let mut cable = up();
    let mut octets = question(&cable, 200)[0].clone();
    octets[18] = 34;
    octets[19] = Flags::INITIATOR.0;
    octets[20..24].fill(0);
    cable.inject(1, &octets);
    octets[8..16].fill(0);
    cable.inject(1, &octets);
    assert!(answers(&cable).is_empty());
    assert_eq!(cable.count(1, Phase::Established), 1);
}

#[test]
fn a_rekeyed_ike_sa_goes_on_with_fragments() {
    let mut cable = Cable::new(1, |_, tunnel| {
        tunnel.options.fragmentation = Some(DATAGRAM);
        tunnel.children[0].proposals = esp_proposals(&["aes256gcm16-x25519"]);
    });
    cable.bring_up();
    cable.rekey_ike(1);
    cable.run_for(Duration::from_secs(1));
    cable.sent.clear();
    cable.rekey_child(0);
    cable.run_for(Duration::from_secs(1));
    cable.assert_agree(1);
    let requests = messages(&cable, 0, ExchangeType::CREATE_CHILD_SA);
    assert!(requests.len() > 1 && requests.iter().all(|m| skf(&m.octets).is_some()));
}

#[test]
fn a_whole_copy_and_a_fragmented_one_are_the_same_request() {
    let mut cable = up();
    let header = cable.header(0, ExchangeType::INFORMATIONAL, false, 2);
    let whole = cable.forge(0, &header, &long_question());
    let fragments = question(&cable, 200);
    cable.inject(1, &fragments[0]);
    cable.inject(1, &whole);
    assert_eq!(answers(&cable).len(), 1);
    for fragment in &fragments[1..] {
        cable.inject(1, fragment);
    }
    assert_eq!(answers(&cable).len(), 1, "it is answered, and these are not the first");
    let again = |event: &IkeEvent| matches!(event, IkeEvent::AnsweredAgain { .. });
    cable.inject(1, &fragments[0]);
    assert!(cable.ends[1].said(again));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Fragments in any order, some of them lost and some of them late: the tunnel comes up.
    #[test]
    fn in_any_order_and_with_losses_the_tunnel_comes_up(
        seed in 0_u64..1_000,
        size in 110_usize..300,
        fates in prop::collection::vec(0_u64..8, 40),
    ) {
        let mut cable = Cable::configured(seed, |_, config| {
            config.tunnels[0].options.fragmentation = Some(size);
            // With most of IKE_AUTH lost, a responder must not be the first to lose patience.
            config.half_open_timeout = Duration::from_secs(300);
        });
        let mut fates = fates.into_iter();
        cable.hand = Box::new(move |message| {
            let fate = fates.next().unwrap_or(7);
            message.at = message.at + Duration::from_millis(fate * 17);
            fate > 0
        });
        cable.command(0, Command::Up { tunnel: "site".into(), child: None });
        cable.run_for(Duration::from_secs(300));
        cable.assert_agree(1);
        for end in &cable.ends {
            prop_assert_eq!(end.engine.deadline(), None);
        }
    }
}
