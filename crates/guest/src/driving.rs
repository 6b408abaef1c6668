//! The socket to one driver: executions and acknowledgements out, claims in. Descriptors go out, never in.

use crate::claims::Claims;
use crate::pipes::{Got, read_some};
use crate::readiness::Interest;
use protocol::driver::ToDriver;
use protocol::frame::encode;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Acknowledgements that are sent together, in bytes.
const PARCEL_BYTES_MAX: usize = 64 << 10;
/// Parcels that wait for a driver which does not read.
const PARCELS_MAX: usize = 16;

struct Parcel {
    bytes: Vec<u8>,
    sent: usize,
    fds: Vec<OwnedFd>,
}

/// Descriptors that go with one order.
const FDS_MAX: usize = 128;

/// A connected driver.
pub struct Driving {
    socket: OwnedFd,
    parcels: VecDeque<Parcel>,
    /// Whoever speaks first is still to be named by the kernel.
    unnamed: bool,
    speaker: Option<i32>,
    /// What it says.
    pub claims: Claims,
}

impl Driving {
    /// Takes the guest's end of a socket pair.
    pub fn new(socket: OwnedFd) -> Result<Driving, Errno> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(Driving {
            socket,
            parcels: VecDeque::new(),
            unnamed: false,
            speaker: None,
            claims: Claims::default(),
        })
    }

    /// Has the kernel say which process sends what comes first.
    pub fn name_speaker(&mut self) -> Result<(), Errno> {
        self.unnamed = true;
        rustix::net::sockopt::set_socket_passcred(&self.socket, true)
    }

    /// The process that sent what came first, where the kernel was to say that.
    pub fn speaker(&self) -> Option<i32> {
        self.speaker
    }

    /// Reads what the driver sent.
    pub fn read(&mut self, into: &mut [u8]) -> Got {
        match self.unnamed {
            true => self.read_first(into),
            // Descriptors that come along are not taken.
            false => read_some(&self.socket, into),
        }
    }

    fn read_first(&mut self, into: &mut [u8]) -> Got {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(&self.socket, &mut [IoSliceMut::new(into)], &mut control, RecvFlags::CMSG_CLOEXEC);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmCredentials(sender) = message {
                self.speaker = Some(sender.pid.as_raw_nonzero().get());
                self.unnamed = false;
            }
        }
        match got {
            Ok(got) if got.bytes > 0 => Got::Bytes(got.bytes),
            Ok(_) => Got::End,
            Err(Errno::AGAIN | Errno::INTR) => Got::Nothing,
            Err(_) => Got::End,
        }
    }

    /// The socket.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Queues an execution, with the writing ends of its output pipes. False when too much waits already.
    pub fn execute(&mut self, order: &ToDriver, code: &[u8], fds: Vec<OwnedFd>) -> bool {
        self.queue(order, code, fds)
    }

    /// Queues an acknowledgement. False when too many wait already.
    pub fn acknowledge(&mut self) -> bool {
        self.queue(&ToDriver::Ack, b"", Vec::new())
    }

    fn queue(&mut self, header: &ToDriver, payload: &[u8], fds: Vec<OwnedFd>) -> bool {
        let mut bytes = Vec::new();
        if let Some(last) =
            self.parcels.back_mut().filter(|last| fds.is_empty() && last.bytes.len() < PARCEL_BYTES_MAX)
        {
            return encode(header, payload, &mut last.bytes).is_ok();
        }
        let fits = self.parcels.len() < PARCELS_MAX && encode(header, payload, &mut bytes).is_ok();
        if fits {
            self.parcels.push_back(Parcel { bytes, sent: 0, fds });
        }
        fits
    }

    /// What to wait for; `listen` is false while the host is behind.
    pub fn interest<'a>(&'a self, listen: bool, wants: &mut Interest<'a>) {
        if listen {
            wants.read(self.socket.as_fd());
        }
        if !self.parcels.is_empty() {
            wants.write(self.socket.as_fd());
        }
    }

    /// Writes what fits. False when the driver is not there any more.
    pub fn flush(&mut self) -> bool {
        while let Some(parcel) = self.parcels.front_mut() {
            match send(&self.socket, &parcel.bytes[parcel.sent..], &parcel.fds) {
                Ok(count) => {
                    // They went with the first byte.
                    parcel.fds.clear();
                    parcel.sent += count;
                    if parcel.sent == parcel.bytes.len() {
                        self.parcels.pop_front();
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}

fn send(socket: &OwnedFd, bytes: &[u8], fds: &[OwnedFd]) -> Result<usize, Errno> {
    let borrowed: Vec<BorrowedFd> = fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !borrowed.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&borrowed));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
}
