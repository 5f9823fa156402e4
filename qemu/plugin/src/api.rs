// SPDX-License-Identifier: GPL-2.0

//! QEMU's interface for plugins, as its documentation has it, as far as it is used here; and the
//! functions that QEMU calls. All that is `unsafe` is here.
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_uint;
use std::ffi::c_void;
use std::ffi::CStr;

use crate::book::is_kernel;
use crate::book::Count;
use crate::book::Place;

/// The version of the interface that this is written for: conditional callbacks and instructions
/// that are copied out came with it. QEMU refuses the plugin if that is not one of its own.
#[no_mangle]
// QEMU looks for it by this name.
#[allow(non_upper_case_globals)]
pub static qemu_plugin_version: c_int = 3;

type Id = u64;

/// `QEMU_PLUGIN_CB_NO_REGS`: a callback does not look at registers.
const NO_REGISTERS: c_int = 0;
/// `QEMU_PLUGIN_COND_EQ`
const EQUAL: c_int = 2;
/// `QEMU_PLUGIN_INLINE_ADD_U64`
const ADD: c_int = 0;

/// The longest instruction.
const LONGEST: usize = 15;

#[repr(C)]
struct Scoreboard {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Block {
    _opaque: [u8; 0],
}

#[repr(C)]
struct Instruction {
    _opaque: [u8; 0],
}

/// `qemu_plugin_u64`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Number {
    score: *mut Scoreboard,
    offset: usize,
}

type Callback = extern "C" fn(vcpu: c_uint, data: *mut c_void);

extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut Block));
    fn qemu_plugin_register_atexit_cb(
        id: Id,
        callback: extern "C" fn(Id, *mut c_void),
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_tb_exec_cond_cb(
        block: *mut Block,
        callback: Callback,
        flags: c_int,
        condition: c_int,
        number: Number,
        value: u64,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Instruction,
        callback: Callback,
        flags: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_cond_cb(
        instruction: *mut Instruction,
        callback: Callback,
        flags: c_int,
        condition: c_int,
        number: Number,
        value: u64,
        data: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
        instruction: *mut Instruction,
        operation: c_int,
        number: Number,
        value: u64,
    );
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Instruction;
    fn qemu_plugin_insn_data(
        instruction: *const Instruction,
        to: *mut c_void,
        length: usize,
    ) -> usize;
    fn qemu_plugin_insn_vaddr(instruction: *const Instruction) -> u64;
    fn qemu_plugin_scoreboard_new(size: usize) -> *mut Scoreboard;
    fn qemu_plugin_u64_get(number: Number, vcpu: c_uint) -> u64;
    fn qemu_plugin_u64_set(number: Number, vcpu: c_uint, value: u64);
}

/// The numbers that translated code works with, of the one CPU.
#[derive(Debug)]
pub struct Counters {
    user: Number,
    kernel: Number,
    counting: Number,
    tracing: Number,
}

// SAFETY: The pointers in it are only handed to QEMU, whose scoreboards live as long as QEMU and may
// be used by any of its threads.
unsafe impl Send for Counters {}
// SAFETY: As above.
unsafe impl Sync for Counters {}

impl Counters {
    fn new() -> Self {
        const SIZE: usize = size_of::<u64>();
        // SAFETY: It has no preconditions.
        let score = unsafe { qemu_plugin_scoreboard_new(4 * SIZE) };
        let number = |index| Number {
            score,
            offset: index * SIZE,
        };
        Self {
            user: number(0),
            kernel: number(1),
            counting: number(2),
            tracing: number(3),
        }
    }

    /// How many instructions there have been.
    pub fn read(&self) -> Count {
        // SAFETY: The numbers lie in a scoreboard, and there is a CPU 0.
        let get = |number| unsafe { qemu_plugin_u64_get(number, 0) };
        Count {
            user: get(self.user),
            kernel: get(self.kernel),
        }
    }

    /// Says what is to be called back from here on.
    pub fn arm(&self, counting: bool, tracing: bool) {
        // SAFETY: As above.
        let set = |number, on| unsafe { qemu_plugin_u64_set(number, 0, u64::from(on)) };
        set(self.counting, counting);
        set(self.tracing, tracing);
    }
}

/// A block that is being translated.
#[derive(Debug)]
pub struct Translation(*mut Block);

impl Translation {
    /// Its instructions.
    pub fn instructions(&self) -> impl Iterator<Item = Instructed<'_>> {
        // SAFETY: QEMU gave the block to the callback that is running.
        let count = unsafe { qemu_plugin_tb_n_insns(self.0) };
        (0..count).map(|index| {
            // SAFETY: As above, and it has as many.
            let instruction = unsafe { qemu_plugin_tb_get_insn(self.0, index) };
            Instructed {
                instruction,
                _block: self,
            }
        })
    }

    /// Has it called back while an operation is traced.
    pub fn on_traced(&self, counters: &Counters, block: u32) {
        let (number, data) = (counters.tracing, to_data(block.into()));
        // SAFETY: As above; the number lies in a scoreboard, and what is handed on is no pointer.
        unsafe {
            qemu_plugin_register_vcpu_tb_exec_cond_cb(
                self.0,
                on_enter,
                NO_REGISTERS,
                EQUAL,
                number,
                1,
                data,
            );
        }
    }
}

/// An instruction that is being translated.
#[derive(Debug)]
pub struct Instructed<'a> {
    instruction: *mut Instruction,
    _block: &'a Translation,
}

impl Instructed<'_> {
    /// Where it is.
    pub fn address(&self) -> u64 {
        // SAFETY: It is of a block that QEMU gave to the callback that is running.
        unsafe { qemu_plugin_insn_vaddr(self.instruction) }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; LONGEST];
        // SAFETY: As above, and there is room for as many bytes as are said.
        let length = unsafe {
            qemu_plugin_insn_data(self.instruction, bytes.as_mut_ptr().cast(), bytes.len())
        };
        bytes.truncate(length);
        bytes
    }

    /// Has it counted.
    pub fn count(&self, counters: &Counters) {
        let number = match is_kernel(self.address()) {
            true => counters.kernel,
            false => counters.user,
        };
        // SAFETY: As above, and the number lies in a scoreboard.
        unsafe {
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(self.instruction, ADD, number, 1);
        }
    }

    /// Has it called back: it is a mark of that kind.
    pub fn on_mark(&self, place: Place, kind: u32) {
        let data = [place.block, place.index << 16 | kind & 0xffff];
        let data = to_data(u64::from(data[0]) << 32 | u64::from(data[1]));
        // SAFETY: As above, and what is handed on is no pointer.
        unsafe {
            qemu_plugin_register_vcpu_insn_exec_cb(self.instruction, on_mark, NO_REGISTERS, data);
        }
    }

    /// Has it called back within operations: it is a repeated one.
    pub fn on_repeat(&self, counters: &Counters) {
        let (number, data) = (counters.counting, to_data(self.address()));
        // SAFETY: As above; the number lies in a scoreboard, and what is handed on is no pointer.
        unsafe {
            qemu_plugin_register_vcpu_insn_exec_cond_cb(
                self.instruction,
                on_repeat,
                NO_REGISTERS,
                EQUAL,
                number,
                1,
                data,
            );
        }
    }
}

/// A number where QEMU keeps a pointer for a callback.
fn to_data(number: u64) -> *mut c_void {
    std::ptr::without_provenance_mut(number as usize)
}

fn from_data(data: *mut c_void) -> u64 {
    data.addr() as u64
}

extern "C" fn on_translation(_: Id, block: *mut Block) {
    crate::translate(&Translation(block));
}

extern "C" fn on_enter(_: c_uint, data: *mut c_void) {
    crate::enter(from_data(data) as u32);
}

extern "C" fn on_mark(_: c_uint, data: *mut c_void) {
    let data = from_data(data);
    let place = Place {
        block: (data >> 32) as u32,
        index: (data >> 16) as u32 & 0xffff,
    };
    crate::mark(place, data as u32 & 0xffff);
}

extern "C" fn on_repeat(_: c_uint, data: *mut c_void) {
    crate::repeat(from_data(data));
}

extern "C" fn on_exit(_: Id, _: *mut c_void) {
    crate::finish();
}

/// QEMU's way in. Other than 0 is an error.
///
/// # Safety
///
/// `argv` has `argc` strings.
#[no_mangle]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let arguments: Vec<String> = (0..usize::try_from(argc).unwrap_or(0))
        .map(|index| {
            // SAFETY: The caller says that there are as many, and that each is a string.
            let argument = unsafe { CStr::from_ptr(*argv.add(index)) };
            argument.to_string_lossy().into_owned()
        })
        .collect();
    if let Err(why) = crate::install(&arguments, Counters::new()) {
        eprintln!("lab-plugin: {why}");
        return 1;
    }
    // SAFETY: The plugin is there, and has the functions as long as QEMU lives.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
        qemu_plugin_register_atexit_cb(id, on_exit, std::ptr::null_mut());
    }
    0
}
