//! The functions of a guest, instruction by instruction.

use super::memory::{MANY, PLANNED};
use super::{Decides, Guest, Plans};
use wasm_encoder::{Function, Instruction as I, ValType};

impl Guest {
    pub(super) fn plan(&self, (planned, message): (i32, i32)) -> Function {
        let count = match self.plans {
            Plans::Trap => return body(&[I::Unreachable]),
            Plans::Many(count) => count,
            _ => return body(&[I::I32Const(planned)]),
        };
        // As a language does that grows a list: room for all of it, then one message after the other.
        let pages = i32::try_from(((i64::from(count) * i64::from(PLANNED)) >> 16) + 1).unwrap();
        let next = 1;
        let mut function = Function::new([(1, ValType::I32)]);
        for instruction in [
            I::I32Const(pages),
            I::MemoryGrow(0),
            I::Drop,
            I::I32Const(MANY),
            I::LocalSet(next),
            I::Loop(wasm_encoder::BlockType::Empty),
            I::LocalGet(next),
            I::I32Const(message),
            I::I32Const(PLANNED),
            I::MemoryCopy { src_mem: 0, dst_mem: 0 },
            I::LocalGet(next),
            I::I32Const(PLANNED),
            I::I32Add,
            I::LocalTee(next),
            I::I32Const(MANY + count * PLANNED),
            I::I32LtS,
            I::BrIf(0),
            I::End,
            I::I32Const(planned),
            I::End,
        ] {
            function.instruction(&instruction);
        }
        function
    }

    pub(super) fn decide(&self, decided: i32, (pointer, length): (i32, i32), itself: u32) -> Function {
        let block = wasm_encoder::BlockType::Empty;
        match &self.decides {
            Decides::Loop => endless(),
            Decides::GrowForEver => body(&[
                I::Loop(block),
                I::I32Const(16),
                I::MemoryGrow(0),
                I::Drop,
                I::Br(0),
                I::End,
                I::I32Const(0),
            ]),
            // The addition keeps it from being a jump.
            Decides::Recurse => body(&[I::LocalGet(0), I::Call(itself), I::I32Const(1), I::I32Add]),
            Decides::Log(level) => body(&[
                I::Loop(block),
                I::I32Const(*level),
                I::I32Const(pointer),
                I::I32Const(length),
                I::Call(0),
                I::Br(0),
                I::End,
                I::I32Const(0),
            ]),
            Decides::Panic(_) => {
                body(&[I::I32Const(3), I::I32Const(pointer), I::I32Const(length), I::Call(0), I::Unreachable])
            }
            Decides::DeferByWasi => {
                const HOUR: i64 = 3_600_000_000_000;
                let at = |offset| wasm_encoder::MemArg { offset, align: 3, memory_index: 0 };
                // Below the data there is room for what the wall clock writes.
                body(
                    &[
                        &[I::I64Const(HOUR), I::Call(2), I::Call(3), I::I32Const(16), I::Call(1)][..],
                        &[I::I32Const(decided), I::I32Const(16), I::I64Load(at(0))],
                        &[I::I64Const(60), I::I64Add, I::I64Const(1000), I::I64Mul],
                        &[I::Call(4), I::I64Const(0xffff), I::I64And, I::I64Add, I::I64Store(at(16))],
                        &[I::I32Const(decided)],
                    ]
                    .concat(),
                )
            }
            Decides::Print(_) => body(&[
                I::Call(1),
                I::I32Const(pointer),
                I::I32Const(length),
                I::I32Const(8),
                I::Call(2),
                I::Unreachable,
            ]),
            Decides::SendAlone => {
                // Where each list goes, and how long it says to be.
                let length = I::I32Load(wasm_encoder::MemArg { offset: 4, align: 2, memory_index: 0 });
                let look = |call| [I::I32Const(16), I::Call(call), I::I32Const(16), length.clone()];
                body(
                    &[
                        &look(1)[..],
                        &look(2),
                        &[I::I32Or],
                        &look(3),
                        &[I::I32Or, I::If(block), I::Unreachable, I::End, I::I32Const(decided)],
                    ]
                    .concat(),
                )
            }
            Decides::SendUnmarked => {
                let at = wasm_encoder::MemArg { offset: 0, align: 0, memory_index: 0 };
                let mark = |place| {
                    let look = [I::I32Const(place), I::I64Load(at), I::I64Eqz, I::I32Eqz];
                    let fail = [I::If(block), I::Unreachable, I::End];
                    [&look[..], &fail, &[I::I32Const(place), I::I64Const(-1), I::I64Store(at)]].concat()
                };
                // Below the data, where a host may keep pages, across the edge of that, and far behind it.
                let marks = [16, 0x3_0000, 0x3_fffc, 0x4_0010, 0x9_fff0, 0x11_0000].map(mark).concat();
                body(
                    &[&[I::I32Const(10), I::MemoryGrow(0), I::Drop][..], &marks, &[I::I32Const(decided)]]
                        .concat(),
                )
            }
            Decides::DivideByZero => body(&[I::I32Const(1), I::I32Const(0), I::I32DivS]),
            // The text lies where there was nothing before.
            Decides::Text(length) => {
                body(&[I::I32Const((length >> 16) + 1), I::MemoryGrow(0), I::Drop, I::I32Const(decided)])
            }
            Decides::Send
            | Decides::Defer(_)
            | Decides::SendBecause(_)
            | Decides::SendWithDecimal(_)
            | Decides::Say(_)
            | Decides::NoSuchCase
            | Decides::BrokenText => body(&[I::I32Const(decided)]),
        }
    }
}

pub(super) fn body(instructions: &[I<'_>]) -> Function {
    let mut function = Function::new([]);
    for instruction in instructions.iter().chain([&I::End]) {
        function.instruction(instruction);
    }
    function
}

pub(super) fn endless() -> Function {
    body(&[I::Loop(wasm_encoder::BlockType::Empty), I::Br(0), I::End, I::I32Const(0)])
}

/// Work for a compiler.
pub(super) fn pad(number: u32) -> Function {
    let mix = [
        I::LocalGet(0),
        I::I32Const(number.cast_signed()),
        I::I32Mul,
        I::LocalGet(0),
        I::I32Xor,
        I::LocalSet(0),
    ];
    let work = (0..500).flat_map(|_| mix.clone()).chain([I::LocalGet(0)]);
    body(&work.collect::<Vec<_>>())
}

/// Takes the next eight-aligned piece and gives nothing back: an instance answers once.
pub(super) fn realloc() -> Function {
    body(&[
        I::GlobalGet(0),
        I::GlobalGet(0),
        I::LocalGet(3),
        I::I32Add,
        I::I32Const(7),
        I::I32Add,
        I::I32Const(-8),
        I::I32And,
        I::GlobalSet(0),
    ])
}
