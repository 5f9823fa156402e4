// SPDX-License-Identifier: GPL-2.0

//! System calls that neither rustix nor nix has in a safe form.

#![allow(unsafe_code)]

use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;

/// The length of an interface's name, and of what comes after it, in `struct ifreq`.
const NAME: usize = 16;
const CONTENT: usize = 24;

/// More than any request here writes behind the pointer of an `ifreq`.
pub const DATA: usize = 1 << 16;

/// What comes after the name in `struct ifreq`.
pub type Content = [u8; CONTENT];

#[repr(C, align(8))]
struct Ifreq {
    name: [u8; NAME],
    content: Content,
}

impl Ifreq {
    fn new(name: &str, content: Content) -> Self {
        let mut this = Self {
            name: [0; NAME],
            content,
        };
        let len = name.len().min(NAME - 1);
        this.name[..len].copy_from_slice(&name.as_bytes()[..len]);
        this
    }
}

/// `struct ifconf`.
#[repr(C)]
struct Ifconf {
    len: libc::c_int,
    buffer: *mut u8,
}

/// Sets an option of a netlink socket.
pub fn set_netlink_option(socket: impl AsFd, option: libc::c_int) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    // SAFETY: The kernel reads as many bytes as `on` has.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_NETLINK,
            option,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    Errno::result(result).map(drop)
}

/// An ioctl that takes and gives a name and what `struct ifreq` has behind it.
pub fn ask(
    socket: impl AsFd,
    request: u16,
    name: &str,
    content: Content,
) -> Result<(String, Content), Errno> {
    let mut ifreq = Ifreq::new(name, content);
    // SAFETY: An ifreq is all that such a request reads and writes.
    unsafe { ioctl(socket, request, (&raw mut ifreq).cast()) }?;
    let name = ifreq
        .name
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    Ok((String::from_utf8_lossy(name).into_owned(), ifreq.content))
}

/// An ioctl that takes and gives `data` for the interface called `name`.
pub fn ask_for_data(
    socket: impl AsFd,
    request: u16,
    name: &str,
    data: &mut [u8; DATA],
) -> Result<(), Errno> {
    let mut content = [0; CONTENT];
    let pointer = data.as_mut_ptr().expose_provenance();
    content[..8].copy_from_slice(&pointer.to_ne_bytes());
    let mut ifreq = Ifreq::new(name, content);
    // SAFETY: An ifreq is what such a request reads and writes, and behind its pointer less than
    // DATA bytes.
    unsafe { ioctl(socket, request, (&raw mut ifreq).cast()) }
}

/// `SIOCGIFCONF`: the names and addresses of all interfaces that have one, as they are in memory.
pub fn ifconf(socket: impl AsFd) -> Result<Vec<u8>, Errno> {
    const SIOCGIFCONF: u16 = 0x8912;
    let mut buffer = vec![0; DATA];
    let mut ifconf = Ifconf {
        len: DATA as libc::c_int,
        buffer: buffer.as_mut_ptr(),
    };
    // SAFETY: An ifconf is what this reads and writes, and behind its pointer as much as that says.
    unsafe { ioctl(socket, SIOCGIFCONF, (&raw mut ifconf).cast()) }?;
    buffer.truncate(ifconf.len as usize);
    Ok(buffer)
}

/// # Safety
///
/// `request` must read and write no more than what is valid at `argument`.
unsafe fn ioctl(socket: impl AsFd, request: u16, argument: *mut libc::c_void) -> Result<(), Errno> {
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: As the caller promises.
    let result = unsafe { libc::ioctl(socket, request.into(), argument) };
    Errno::result(result).map(drop)
}
