// SPDX-License-Identifier: GPL-2.0

//! Instructions of x86-64, as far as it matters here: where they go on, and of which kind they are.

use std::ops::Range;

use iced_x86::Decoder;
use iced_x86::DecoderOptions;
use iced_x86::FlowControl;
use iced_x86::Instruction;
use iced_x86::Mnemonic;
use iced_x86::OpKind;

use super::figures::Mix;

/// Where an instruction may go on. Where that is in a register or in memory, there is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Behind it.
    Next,
    /// There.
    Jump(Option<u64>),
    /// There or behind it.
    Branch(u64),
    /// In a function that is called.
    Call(Option<u64>),
    /// Where the function was called.
    Return,
    /// Where an interrupt came, or outside of the kernel.
    InterruptReturn,
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Where it is.
    pub address: u64,
    /// What is behind it.
    pub next: u64,
    /// Where it goes on.
    pub flow: Flow,
    /// Whether it locks the bus.
    pub is_locked: bool,
    /// Whether it repeats itself: each time comes as an instruction of its own.
    pub is_repeated: bool,
    /// Whether it only fills space.
    pub is_padding: bool,
}

impl Code {
    /// The instruction of these bytes at `address`; none if there is no such.
    pub fn decode(address: u64, bytes: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
        let one = decoder.decode();
        (!one.is_invalid()).then(|| Self::of(&one))
    }

    fn of(one: &Instruction) -> Self {
        let target = one.near_branch_target();
        let flow = match (one.flow_control(), one.mnemonic()) {
            (_, Mnemonic::Iretq | Mnemonic::Iretd | Mnemonic::Sysretq | Mnemonic::Sysret) => {
                Flow::InterruptReturn
            }
            // What comes next is the kernel's.
            (_, Mnemonic::Syscall) => Flow::Next,
            (FlowControl::UnconditionalBranch, _) => Flow::Jump(Some(target)),
            (FlowControl::IndirectBranch, _) => Flow::Jump(None),
            (FlowControl::ConditionalBranch, _) => Flow::Branch(target),
            (FlowControl::Call, _) => Flow::Call(Some(target)),
            (FlowControl::IndirectCall, _) => Flow::Call(None),
            (FlowControl::Return, _) => Flow::Return,
            _ => Flow::Next,
        };
        let exchanges_memory = one.mnemonic() == Mnemonic::Xchg
            && (0..one.op_count()).any(|index| one.op_kind(index) == OpKind::Memory);
        Self {
            address: one.ip(),
            next: one.next_ip(),
            flow,
            is_locked: one.has_lock_prefix() || exchanges_memory,
            is_repeated: one.is_string_instruction()
                && (one.has_rep_prefix() || one.has_repne_prefix()),
            is_padding: matches!(one.mnemonic(), Mnemonic::Nop | Mnemonic::Int3),
        }
    }

    /// Adds it to `mix`, as one of the function at `function`. A jump out of there is a call.
    pub fn add_to(&self, mix: &mut Mix, function: &Range<u64>) {
        mix.instructions += 1;
        mix.atomics += u64::from(self.is_locked);
        match self.flow {
            Flow::Call(_) => mix.calls += 1,
            Flow::Jump(Some(target)) if !function.contains(&target) => mix.calls += 1,
            Flow::Branch(_) => mix.branches += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(bytes: &[u8]) -> Flow {
        Code::decode(0x1000, bytes).unwrap().flow
    }

    #[test]
    fn instructions_go_on_somewhere() {
        assert_eq!(flow(&[0x90]), Flow::Next);
        assert_eq!(flow(&[0x0f, 0x05]), Flow::Next);
        assert_eq!(flow(&[0xe8, 1, 0, 0, 0]), Flow::Call(Some(0x1006)));
        assert_eq!(flow(&[0xff, 0xd0]), Flow::Call(None));
        assert_eq!(flow(&[0xeb, 0xfe]), Flow::Jump(Some(0x1000)));
        assert_eq!(flow(&[0xff, 0xe0]), Flow::Jump(None));
        assert_eq!(flow(&[0x74, 0]), Flow::Branch(0x1002));
        assert_eq!(flow(&[0xc3]), Flow::Return);
        assert_eq!(flow(&[0x48, 0xcf]), Flow::InterruptReturn);
        assert_eq!(flow(&[0x48, 0x0f, 0x07]), Flow::InterruptReturn);
        assert_eq!(Code::decode(0, &[0x06]), None);
    }

    #[test]
    fn kinds_are_counted() {
        let mut mix = Mix::default();
        let function = 0x1000..0x1100;
        for bytes in [
            // lock incl (%rax); xchg %eax,(%rbx); xchg %eax,%ebx
            &[0xf0, 0xff, 0x00][..],
            &[0x87, 0x03],
            &[0x87, 0xc3],
            // je; call; jmp within; jmp out of it; ret
            &[0x74, 0],
            &[0xe8, 0, 0, 0, 0],
            &[0xeb, 0],
            &[0xe9, 0, 0x10, 0, 0],
            &[0xc3],
        ] {
            Code::decode(0x1000, bytes)
                .unwrap()
                .add_to(&mut mix, &function);
        }
        let wanted = Mix {
            instructions: 8,
            calls: 2,
            branches: 1,
            atomics: 2,
        };
        assert_eq!(mix, wanted);
        assert!(Code::decode(0, &[0xf3, 0x48, 0xa5]).unwrap().is_repeated);
        assert!(!Code::decode(0, &[0xf3, 0x90]).unwrap().is_repeated);
    }
}
