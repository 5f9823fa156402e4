// SPDX-License-Identifier: GPL-2.0

//! System calls that no crate here has a safe function for.

#![allow(unsafe_code)]

use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::libc;

/// The length of a name of a device, and of what stands behind it in a `struct ifreq`.
pub const NAME: usize = 16;
pub const VALUE: usize = 24;

/// A `struct ifreq` is shorter; some ioctls of sockets have longer ones.
const REQUEST: usize = 256;

/// More than any request here reads or writes behind a pointer.
pub const DATA: usize = 1 << 16;

/// What stands behind the name.
pub type Value = [u8; VALUE];

/// `struct ifconf`.
#[repr(C)]
struct Ifconf {
    len: libc::c_int,
    buffer: *mut u8,
}

/// `BPF_PROG_LOAD`, and how much of `union bpf_attr` it gets here.
const PROG_LOAD: libc::c_int = 5;
const ATTR: usize = 48;

fn request(name: &str) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    let len = name.len().min(NAME);
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    bytes
}

fn call(socket: &OwnedFd, number: u32, bytes: &mut [u8; REQUEST]) -> Result<i32, Errno> {
    // SAFETY: These are more bytes than the kernel reads or writes here; if they have a pointer in
    // them to anything that is there, it is the one of `with_data`.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), number as _, bytes.as_mut_ptr()) };
    Errno::result(result)
}

/// An ioctl whose `struct ifreq` has `value` behind the device's name. The name that is there then,
/// and what stands behind it.
pub fn with_value(
    socket: &OwnedFd,
    number: u32,
    name: &str,
    value: &[u8],
) -> Result<(String, Value), Errno> {
    let mut bytes = request(name);
    bytes[NAME..NAME + value.len()].copy_from_slice(value);
    call(socket, number, &mut bytes)?;
    let mut value = [0; VALUE];
    value.copy_from_slice(&bytes[NAME..NAME + VALUE]);
    let name = bytes[..NAME].split(|byte| *byte == 0).next();
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    Ok((name, value))
}

/// An ioctl whose `struct ifreq` has a pointer to `data` behind the device's name. Its result, and
/// what the data is then.
pub fn with_data(
    socket: &OwnedFd,
    number: u32,
    name: &str,
    data: &[u8],
) -> Result<(i32, Vec<u8>), Errno> {
    let mut buffer = vec![0_u8; DATA];
    buffer[..data.len()].copy_from_slice(data);
    let mut bytes = request(name);
    let pointer = buffer.as_mut_ptr() as usize;
    bytes[NAME..NAME + size_of::<usize>()].copy_from_slice(&pointer.to_ne_bytes());
    let result = call(socket, number, &mut bytes)?;
    Ok((result, buffer))
}

/// `SIOCGIFCONF`: the names and addresses of all interfaces that have one, as they are in memory.
pub fn ifconf(socket: &OwnedFd) -> Result<Vec<u8>, Errno> {
    const SIOCGIFCONF: libc::Ioctl = 0x8912;
    let mut buffer = vec![0; DATA];
    let mut ifconf = Ifconf {
        len: DATA as libc::c_int,
        buffer: buffer.as_mut_ptr(),
    };
    // SAFETY: An ifconf is what this reads and writes, and behind its pointer as much as that says.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGIFCONF, &raw mut ifconf) };
    Errno::result(result)?;
    buffer.truncate(ifconf.len as usize);
    Ok(buffer)
}

/// `setsockopt()` of an option that is an integer.
pub fn set_option(socket: &impl AsRawFd, level: i32, name: i32, value: i32) -> Result<(), Errno> {
    set_bytes(socket, level, name, &value.to_ne_bytes())
}

/// `setsockopt()` of an option that has these bytes, and no pointers among them.
pub fn set_bytes(socket: &impl AsRawFd, level: i32, name: i32, value: &[u8]) -> Result<(), Errno> {
    let len = value.len() as libc::socklen_t;
    // SAFETY: The kernel reads no more than the bytes whose number is given.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), len) };
    Errno::result(result).map(drop)
}

/// `bpf(BPF_PROG_LOAD)`: a program of this type, of these instructions.
pub fn load(kind: u32, instructions: &[u64]) -> Result<OwnedFd, Errno> {
    let license = b"GPL\0";
    let mut attr = [0_u8; ATTR];
    attr[..4].copy_from_slice(&kind.to_ne_bytes());
    attr[4..8].copy_from_slice(&(instructions.len() as u32).to_ne_bytes());
    attr[8..16].copy_from_slice(&(instructions.as_ptr() as u64).to_ne_bytes());
    attr[16..24].copy_from_slice(&(license.as_ptr() as u64).to_ne_bytes());
    // SAFETY: The kernel reads the attributes, the instructions and the license; all have the
    // lengths that are given, or an end. What it returns is a descriptor that nobody else has.
    unsafe {
        let result = libc::syscall(libc::SYS_bpf, PROG_LOAD, attr.as_ptr(), ATTR);
        Errno::result(result).map(|fd| OwnedFd::from_raw_fd(fd as i32))
    }
}
