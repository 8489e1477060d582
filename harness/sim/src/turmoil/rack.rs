//! A host of turmoil with one or more stations in it.

use std::cell::RefCell;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;

use ::turmoil::net::UdpSocket;
use ikelab_net::Frame;
use tokio::sync::Notify;

use super::board::Board;
use super::datagram;
use crate::{Node, RunError, Station};

/// Any port does: turmoil's hosts have nothing else.
const PORT: u16 = 4000;
/// An IP packet of the greatest length, and the header in front of it.
const DATAGRAM_MAX: usize = 66_000;

/// A host of turmoil with one or more stations in it.
pub(super) struct Rack<N: Node> {
    shelf: RefCell<Shelf<N>>,
    bell: Notify,
    board: Rc<Board>,
}

struct Shelf<N: Node> {
    stations: Vec<Station<N>>,
    out: Vec<Frame>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl<N: Node> Rack<N> {
    pub(super) fn new(stations: Vec<Station<N>>, board: Rc<Board>) -> Self {
        for station in &stations {
            board.set_due(station.host(), station.due());
        }
        let incoming = vec![0; DATAGRAM_MAX];
        let shelf = Shelf { stations, out: Vec::new(), incoming, outgoing: Vec::new() };
        Self { shelf: RefCell::new(shelf), bell: Notify::new(), board }
    }

    /// Lets the stations run in turmoil's next step.
    pub(super) fn wake(&self) {
        self.bell.notify_one();
    }

    /// Takes the stations out, when the run is over.
    pub(super) fn take_stations(&self) -> Vec<Station<N>> {
        std::mem::take(&mut self.shelf.borrow_mut().stations)
    }

    /// The software of the host: receives what is sent to its stations, and runs them when woken.
    pub(super) async fn serve(self: Rc<Self>) -> ::turmoil::Result {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        loop {
            // Packets first: what is due now may have come in this very step.
            tokio::select! {
                biased;
                readable = socket.readable() => {
                    readable?;
                    self.receive(&socket)?;
                }
                () = self.bell.notified() => {
                    if let Err(failure) = self.run(&socket) {
                        self.board.fail(failure);
                    }
                }
            }
        }
    }

    /// Hands every datagram that is there to its station.
    fn receive(&self, socket: &UdpSocket) -> io::Result<()> {
        let shelf = &mut *self.shelf.borrow_mut();
        loop {
            let length = match socket.try_recv_from(&mut shelf.incoming) {
                Ok((length, _)) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let frame = shelf.incoming.get(..length).and_then(datagram::read);
            let frame = frame.ok_or_else(|| io::Error::other("a datagram without a frame"))?;
            self.board.received();
            self.expect(&mut shelf.stations, frame);
        }
    }

    /// Runs the stations that are due, and sends what they send.
    fn run(&self, socket: &UdpSocket) -> Result<(), RunError> {
        let now = self.board.now();
        let Shelf { stations, out, outgoing, .. } = &mut *self.shelf.borrow_mut();
        for station in stations.iter_mut() {
            if station.due().is_some_and(|at| at <= now) {
                station.run(now, out)?;
                self.board.set_due(station.host(), station.due());
            }
        }
        for frame in out.drain(..) {
            let rack = self.board.rack_of(frame.to);
            if self.board.rack_of(frame.from) == rack {
                self.expect(stations, frame);
                continue;
            }
            self.board.sent(frame.to, frame.at);
            datagram::write(&frame, outgoing);
            let address = (self.board.address_of(rack), PORT);
            let sent = socket.try_send_to(outgoing, address);
            sent.map_err(|error| RunError::Turmoil { at: now, detail: error.to_string() })?;
        }
        Ok(())
    }

    fn expect(&self, stations: &mut [Station<N>], frame: Frame) {
        let station = stations.iter_mut().find(|station| station.host() == frame.to);
        let station = station.expect("a frame is sent to the rack of its receiver");
        station.expect(frame);
        self.board.set_due(station.host(), station.due());
    }
}
