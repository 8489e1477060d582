//! A message that found its SA: the window, the protection, and on to the exchange.

use core::time::Duration;
use std::net::SocketAddr;

use ikelab_trace::{IkeEvent, Role};
use ikelab_wire::ike::{Flags, Header, IkeSpi, Message, Version};
use ikelab_wire::payload::{Body, Notify, Payload};
use ikelab_wire::registry::{ExchangeType, NotifyType, Protocol};

use crate::channel::{Channel, Opened};
use crate::configuration;
use crate::context::{Context, Estate};
use crate::editor::Clear;
use crate::exchange::{self, After, auth, init};
use crate::fragments::{Key, Mark, Whole};
use crate::guilt::Discard;
use crate::parts::Parts;
use crate::sa::{Core, Phase, Sa, Want};
use crate::timers;
use crate::window::Arrival;

/// Ours: how long a peer is not told again that its message ids are wrong.
const TELL_PAUSE: Duration = Duration::from_secs(10);

/// A datagram as it came.
pub(crate) struct Came<'a> {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) header: &'a Header,
    pub(crate) octets: &'a [u8],
}

impl<'a> Came<'a> {
    /// Where an answer comes from and goes to (RFC 7296 §2.11).
    fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.local, self.remote)
    }

    /// What an editor hears of it.
    pub(crate) fn opened(
        &self,
        payloads: &'a [Payload],
        protected: bool,
        cx: &Context<'_>,
    ) -> Clear<'a> {
        let Self { local, remote, header, octets } = *self;
        let (now, length) = (cx.now, octets.len());
        Clear { now, local, remote, header, payloads, length, protected, signer: None }
    }
}

/// Minor versions do not matter, major ones do (RFC 7296 §2.5).
pub(crate) fn check_version(header: &Header) -> Result<(), Discard> {
    let major = header.version.major;
    if major == Version::IKEV2.major { Ok(()) } else { Err(Discard::WrongVersion { major }) }
}

/// What a request that is dropped is answered with, if we answer at all: outside of any IKE SA,
/// without protection, and never when it is a response itself (RFC 7296 §1.5, §2.21.4).
pub(crate) fn unprotected_answer(header: &Header, why: &Discard) -> Option<Message> {
    if header.flags.response() || header.initiator_spi == IkeSpi::NONE {
        return None;
    }
    let notify = match why {
        Discard::WrongVersion { major } if *major > Version::IKEV2.major => {
            NotifyType::INVALID_MAJOR_VERSION
        }
        Discard::UnknownSpi { .. } if header.responder_spi != IkeSpi::NONE => {
            NotifyType::INVALID_IKE_SPI
        }
        _ => return None,
    };
    let flags = if header.flags.initiator() { Flags::NONE } else { Flags::INITIATOR };
    let flags = flags | Flags::RESPONSE;
    let payloads = vec![Body::Notify(Notify::new(notify, &[])).into()];
    Some(Message { header: Header { version: Version::IKEV2, flags, ..*header }, payloads })
}

/// The request that begins an IKE SA: our SPI is not known yet. It comes from the initiator, with
/// its SPI, under message id 0 (RFC 7296 §2.2, §2.6, §3.1).
pub(crate) fn check_first_request(header: &Header) -> Result<(), Discard> {
    let what = if header.initiator_spi == IkeSpi::NONE {
        "an initiator SPI of 0"
    } else if header.message_id != 0 {
        "a message id other than 0"
    } else if !header.flags.initiator() {
        "a clear Initiator flag"
    } else {
        return Ok(());
    };
    Err(Discard::BadFirstRequest { what })
}

/// Takes a message for an SA.
pub(crate) fn message(sa: &mut Sa, came: &Came<'_>, cx: &mut Context<'_>) -> Result<(), Discard> {
    let sender_began = came.header.flags.initiator();
    if sender_began != (sa.core.role == Role::Responder) {
        return Err(Discard::WrongInitiatorFlag);
    }
    // The responder's SPI is not known before the first answer (RFC 7296 §2.6).
    let known = &sa.core.id;
    let same = came.header.initiator_spi == known.initiator
        && (came.header.responder_spi == known.responder || matches!(sa.phase, Phase::InitSent(_)));
    if !same {
        return Err(Discard::UnknownSpi { spi: came.header.responder_spi.to_string() });
    }
    let response = came.header.flags.response();
    let outcome = if response { self::response(sa, came, cx) } else { request(sa, came, cx) };
    if matches!(outcome, Err(Discard::TooManyFragments { .. })) {
        // An attack, or a broken sender: RFC 7383 §5.
        timers::end(sa, "too many fragments", cx);
    }
    outcome
}

/// A protected message: what stands before its SK payload, and whether it is a fragment.
struct Sealed {
    clear: Vec<Payload>,
    mark: Option<Mark>,
}

impl Sealed {
    /// IKE_SA_INIT is the only exchange that is not protected.
    fn of(came: &Came<'_>) -> Result<Self, Discard> {
        let exchange = came.header.exchange;
        if exchange == ExchangeType::IKE_SA_INIT {
            return Err(Discard::Unprotected { exchange });
        }
        let mut clear = Message::parse(came.octets).map_err(Discard::Malformed)?.payloads;
        let mark = match clear.pop().map(|payload| payload.body) {
            Some(Body::Sk(_)) => None,
            Some(Body::Skf(skf)) => Some(Mark { number: skf.number, total: skf.total }),
            _ => return Err(Discard::Unprotected { exchange }),
        };
        Ok(Self { clear, mark })
    }
}

/// Opens a message; nothing while fragments of it are missing, or when an editor has taken it.
/// Nothing is kept that did not open
/// (RFC 7383 §2.6).
fn open(
    core: &mut Core,
    channel: &mut Channel,
    came: &Came<'_>,
    cx: &mut Context<'_>,
) -> Result<Option<Opened>, Discard> {
    let sealed = Sealed::of(came)?;
    let key = Key::of(came.header);
    let whole = match sealed.mark {
        None => {
            let (first, inner) = channel.open(came.octets)?;
            Some(Whole { longest: None, first, inner, clear: sealed.clear })
        }
        Some(_) if !core.fragmentation => return Err(Discard::FragmentsNotAgreed),
        Some(mark) => {
            core.fragments.check(key, mark)?;
            if mark.number > 1 && !sealed.clear.is_empty() {
                // RFC 7383 §2.5.3: what is in the clear stands in the first.
                return Err(Discard::BadFragment { number: mark.number, total: mark.total });
            }
            let opened = channel.open(came.octets)?;
            core.fragments.keep(key, mark, opened, sealed.clear, (came.octets.len(), cx.now))?
        }
    };
    let Some(Whole { longest, first, inner, clear }) = whole else { return Ok(None) };
    core.threshold.heard = longest;
    core.fragments.forget(key);
    let opened = Opened::read(first, inner, clear);
    let taken = core.hear(channel, &came.opened(opened.payloads(), true, cx), cx);
    Ok((!taken).then_some(opened))
}

/// A response: to which open request of ours?
fn response(sa: &mut Sa, came: &Came<'_>, cx: &mut Context<'_>) -> Result<(), Discard> {
    let message_id = came.header.message_id;
    if sa.core.window.open(message_id).is_none() {
        if let (Phase::Established(established), true) = (&mut sa.phase, cx.editor.is_some()) {
            // A liar may have asked what its engine knows nothing of.
            let unheard = open(&mut sa.core, &mut established.channel, came, cx)?;
            return unheard.map_or(Ok(()), |_| Err(Discard::Unsolicited { message_id }));
        }
        return Err(Discard::Unsolicited { message_id });
    }
    match &mut sa.phase {
        Phase::InitSent(_) => init_response(sa, came, cx),
        Phase::AuthSent(_) => auth_response(sa, came, cx),
        Phase::Established(established) => {
            let ongoing = established.ongoing.get(&message_id);
            let expected = ongoing.map(exchange::Ongoing::exchange);
            expect(came, expected.ok_or(Discard::Unsolicited { message_id })?)?;
            let opened = open(&mut sa.core, &mut established.channel, came, cx)?;
            (established.heard, established.known) = (cx.now, true);
            let Some(opened) = opened else { return Ok(()) };
            sa.core.follow(came.remote, &established.children, cx);
            sa.core.window.close(message_id);
            let ongoing = established.ongoing.remove(&message_id).expect("just seen");
            let after = exchange::accept(&mut sa.core, established, ongoing, &opened, cx);
            if let After::Close(reason) = after {
                sa.close(reason, cx);
            }
            Ok(())
        }
        Phase::InitResponded(_) | Phase::Closed { .. } => Err(Discard::Unsolicited { message_id }),
    }
}

fn init_response(sa: &mut Sa, came: &Came<'_>, cx: &mut Context<'_>) -> Result<(), Discard> {
    expect(came, ExchangeType::IKE_SA_INIT)?;
    let message = Message::parse(came.octets).map_err(Discard::Malformed)?;
    let before = std::mem::replace(&mut sa.phase, Phase::gone(cx.now));
    let Phase::InitSent(sent) = before else { unreachable!("just seen") };
    sa.phase = init::accept(&mut sa.core, sent, &message, came.octets, cx);
    Ok(())
}

fn auth_response(sa: &mut Sa, came: &Came<'_>, cx: &mut Context<'_>) -> Result<(), Discard> {
    expect(came, ExchangeType::IKE_AUTH)?;
    let Phase::AuthSent(sent) = &mut sa.phase else { unreachable!("just seen") };
    let Some(opened) = open(&mut sa.core, &mut sent.channel, came, cx)? else { return Ok(()) };
    let before = std::mem::replace(&mut sa.phase, Phase::gone(cx.now));
    let Phase::AuthSent(sent) = before else { unreachable!("just seen") };
    sa.core.window.close(auth::MESSAGE_ID);
    sa.phase = auth::accept(&mut sa.core, *sent, &opened, cx);
    Ok(())
}

/// A request: new, or seen before?
fn request(sa: &mut Sa, came: &Came<'_>, cx: &mut Context<'_>) -> Result<(), Discard> {
    let message_id = came.header.message_id;
    let arrival = match sa.core.window.classify(message_id) {
        Ok(arrival) => arrival,
        Err(why) => {
            tell_of_wrong_id(sa, came, cx);
            return Err(why);
        }
    };
    match &mut sa.phase {
        Phase::InitResponded(responded) => {
            if arrival == Arrival::Repeated {
                return Err(Discard::OutsideWindow { got: message_id, low: 1, size: 1 });
            }
            expect(came, ExchangeType::IKE_AUTH)?;
            let opened = open(&mut sa.core, &mut responded.channel, came, cx)?;
            let Some(opened) = opened else { return Ok(()) };
            // A NAT or a change to port 4500 (RFC 7296 §2.23): answers go where the request came from.
            sa.core.path.local = came.local;
            sa.core.path.remote = came.remote;
            let before = std::mem::replace(&mut sa.phase, Phase::gone(cx.now));
            let Phase::InitResponded(responded) = before else { unreachable!("just seen") };
            sa.phase = auth::respond(&mut sa.core, *responded, &opened, cx);
            Ok(())
        }
        Phase::Established(established) => {
            if arrival == Arrival::Repeated {
                let sealed = Sealed::of(came)?;
                only_the_first(&sealed)?;
                established.channel.open(came.octets)?;
                (established.heard, established.known) = (cx.now, true);
                established.doubt |= came.header.exchange == ExchangeType::CREATE_CHILD_SA;
                return answer_again(sa, message_id, came.ends(), cx);
            }
            let opened = open(&mut sa.core, &mut established.channel, came, cx)?;
            (established.heard, established.known) = (cx.now, true);
            established.moved_on |= established.replaced || established.peers_rekey.is_some();
            let Some(opened) = opened else { return Ok(()) };
            let exchange = came.header.exchange;
            if !matches!(exchange, ExchangeType::CREATE_CHILD_SA | ExchangeType::INFORMATIONAL) {
                // Any answer that we know would end the IKE SA.
                return Err(Discard::UnknownExchange { exchange });
            }
            if established.undecided && deletes_children(&opened) {
                return Err(Discard::Undecided);
            }
            sa.core.follow(came.remote, &established.children, cx);
            established_request(sa, came, &opened, cx);
            Ok(())
        }
        Phase::Closed { memory: Some(memory), .. } if arrival == Arrival::Repeated => {
            only_the_first(&Sealed::of(came)?)?;
            memory.channel.open(came.octets)?;
            answer_again(sa, message_id, came.ends(), cx)
        }
        Phase::Closed { .. } => Err(Discard::Closed),
        Phase::InitSent(_) | Phase::AuthSent(_) => Err(Discard::WrongExchange {
            got: came.header.exchange,
            expected: ExchangeType::IKE_AUTH,
        }),
    }
}

fn deletes_children(opened: &Opened) -> bool {
    let esp = |parts: Parts<'_>| parts.deletes.iter().any(|d| d.protocol == Protocol::ESP);
    opened.parts().is_ok_and(esp)
}

fn established_request(sa: &mut Sa, came: &Came<'_>, opened: &Opened, cx: &mut Context<'_>) {
    let Sa { core, phase, .. } = sa;
    let Phase::Established(established) = phase else { unreachable!("just seen") };
    let request = (came.header.exchange, came.header.message_id);
    let answer = exchange::respond(core, established, request.0, opened, cx);
    core.answer(&mut established.channel, request, &answer.payloads, came.ends(), cx);
    if let Some(reason) = answer.closes {
        sa.close(reason, cx);
    }
}

/// Answers a repeated request with the same octets as before (RFC 7296 §2.1), to where it came from
/// (§2.11). Building them again would use an IV twice, with another plaintext.
pub(crate) fn answer_again(
    sa: &mut Sa,
    message_id: u32,
    ends: (SocketAddr, SocketAddr),
    cx: &mut Context<'_>,
) -> Result<(), Discard> {
    let Some(datagrams) = sa.core.window.answered(message_id).map(<[_]>::to_vec) else {
        return Err(Discard::OutsideWindow { got: message_id, low: 1, size: 1 });
    };
    cx.transmit(ends, datagrams);
    cx.event(IkeEvent::AnsweredAgain { sa: sa.core.id, message_id });
    Ok(())
}

/// The Child SAs of an IKE SA that this one replaces, and what was still wanted there.
pub(crate) fn inherit(sa: &mut Sa, estate: Estate, cx: &mut Context<'_>) {
    let Estate { children, wanted, leased } = estate;
    let to = sa.core.id;
    let Phase::Established(established) = &mut sa.phase else {
        // It went in the meantime, and its Child SAs with it (RFC 7296 §1.4.1).
        for child in children {
            child.uninstall("its IKE SA is gone", cx);
        }
        configuration::release(&sa.core, &leased, cx);
        return;
    };
    established.undecided = false;
    established.leased.extend(leased);
    for child in children {
        let spi_in = child.spi_in;
        cx.event(IkeEvent::ChildMoved { spi_in, to });
        established.children.insert(spi_in, child);
    }
    for want in wanted {
        established.want(want);
    }
}

/// Of a repeated request that was fragmented, only the first fragment calls for the answer
/// (RFC 7383 §2.6.1).
fn only_the_first(sealed: &Sealed) -> Result<(), Discard> {
    match sealed.mark {
        None | Some(Mark { number: 1, .. }) => Ok(()),
        Some(Mark { number, .. }) => Err(Discard::RepeatedFragment { number }),
    }
}

/// Tells a peer that sends requests beyond our window, not too often; the request itself is not
/// answered (RFC 7296 §2.3). What lies behind the window is an old request come late.
fn tell_of_wrong_id(sa: &mut Sa, came: &Came<'_>, cx: &Context<'_>) {
    let wished = cx.tunnel(sa.core.tunnel).options.invalid_message_id;
    let Phase::Established(established) = &mut sa.phase else { return };
    let beyond = sa.core.window.is_beyond(came.header.message_id);
    if !wished || !beyond || established.tell_again > cx.now {
        return;
    }
    if established.channel.open(came.octets).is_ok() {
        established.tell_again = cx.now + TELL_PAUSE;
        let data = came.header.message_id.to_be_bytes().to_vec();
        established.want(Want::Tell { notify: NotifyType::INVALID_MESSAGE_ID, data });
    }
}

fn expect(came: &Came<'_>, expected: ExchangeType) -> Result<(), Discard> {
    let got = came.header.exchange;
    if got == expected { Ok(()) } else { Err(Discard::WrongExchange { got, expected }) }
}
