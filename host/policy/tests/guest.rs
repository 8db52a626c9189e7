//! Policies made by hand, byte by byte, so that the limits can be hit without a WebAssembly compiler.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction as I, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

/// What `decide` does.
pub(super) enum Decides {
    Send,
    Defer(u64),
    SendBecause(String),
    Say(String),
    BigText,
    Loop,
    GrowForEver,
    Recurse,
    Log(i32),
    Panic(String),
    DivideByZero,
    /// Waits for an hour, then defers to the wall clock's second, a minute later, and a random number of
    /// milliseconds.
    DeferByWasi,
    /// Writes to standard error and gives up.
    Print(String),
}

/// As much of WASI as the policies here ask for.
const WASI: &str = "package tests:guests;
package wasi:io@0.2.0 {
    interface error { resource error; }
    interface poll { resource pollable { block: func(); } }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
    }
}
package wasi:clocks@0.2.0 {
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
    interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        subscribe-duration: func(when: u64) -> pollable;
    }
}
package wasi:random@0.2.0 { interface random { get-random-u64: func() -> u64; } }
package wasi:cli@0.2.0 {
    interface stderr {
        use wasi:io/streams@0.2.0.{output-stream};
        get-stderr: func() -> output-stream;
    }
}
world clocks {
    include tidings:policy/message-policy@1.0.0;
    import wasi:clocks/wall-clock@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:random/random@0.2.0;
}
world output {
    include tidings:policy/message-policy@1.0.0;
    import wasi:cli/stderr@0.2.0;
}
";

/// The functions of WASI that a policy calls, in order of their index from 1 on: module, name, type.
type Wasi = &'static [(&'static str, &'static str, u32)];

const CLOCKS: Wasi = &[
    ("wasi:clocks/wall-clock@0.2.0", "now", 5),
    ("wasi:clocks/monotonic-clock@0.2.0", "subscribe-duration", 6),
    ("wasi:io/poll@0.2.0", "[method]pollable.block", 5),
    ("wasi:random/random@0.2.0", "get-random-u64", 7),
];

const OUTPUT: Wasi = &[
    ("wasi:cli/stderr@0.2.0", "get-stderr", 0),
    ("wasi:io/streams@0.2.0", "[method]output-stream.blocking-write-and-flush", 8),
];

/// A policy named `sample` for this message type.
pub(super) struct Guest {
    pub(super) message_type: &'static str,
    pub(super) version: &'static str,
    pub(super) decides: Decides,
    pub(super) refuses_settings: Option<&'static str>,
}

impl Guest {
    pub(super) fn new(decides: Decides) -> Self {
        Self { message_type: "sample", version: "1.0.0", decides, refuses_settings: None }
    }

    pub(super) fn component(&self) -> Vec<u8> {
        let provenance =
            super::super::build::Provenance { sources: "none".into(), compiler: "by hand".into() };
        super::super::build::componentize(&self.core(), &provenance).unwrap()
    }

    /// The core module, with the contract embedded as the SDK does.
    pub(super) fn core(&self) -> Vec<u8> {
        let mut wasm = self.module();
        let mut resolve = wit_parser::Resolve::default();
        let contract = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/wit/tidings-policy.wit"));
        let mut package = resolve.push_source("tidings-policy.wit", contract).unwrap();
        let (world, calls) = self.wasi();
        if !calls.is_empty() {
            package = resolve.push_source("wasi.wit", WASI).unwrap();
        }
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let encoding = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut wasm, &resolve, world, encoding).unwrap();
        wasm
    }

    /// The world it is of, and what of WASI it calls.
    fn wasi(&self) -> (&'static str, Wasi) {
        match self.decides {
            Decides::DeferByWasi => ("clocks", CLOCKS),
            Decides::Print(_) => ("output", OUTPUT),
            _ => ("message-policy", &[]),
        }
    }

    fn module(&self) -> Vec<u8> {
        let mut memory = Memory::default();
        let described = memory.description(self.message_type, self.version);
        let configured = match self.refuses_settings {
            Some(text) => memory.failure(4, text),
            None => memory.record(&[0, 0, 0]),
        };
        let decided = memory.decided(&self.decides);
        let words = match &self.decides {
            Decides::Panic(words) | Decides::Print(words) => memory.text(words),
            _ => memory.text("a line"),
        };

        let mut types = TypeSection::new();
        let int = ValType::I32;
        types.ty().function([], [int]);
        types.ty().function([int], [int]);
        types.ty().function([int; 2], [int]);
        types.ty().function([int; 3], []);
        types.ty().function([int; 4], [int]);
        types.ty().function([int], []);
        types.ty().function([ValType::I64], [int]);
        types.ty().function([], [ValType::I64]);
        types.ty().function([int; 4], []);
        let mut imports = ImportSection::new();
        imports.import("tidings:policy/log@1.0.0", "write", EntityType::Function(3));
        let (_, wasi) = self.wasi();
        for (module, name, kind) in wasi {
            imports.import(module, name, EntityType::Function(*kind));
        }
        let own = u32::try_from(wasi.len()).unwrap() + 1;

        let mut functions = FunctionSection::new();
        let mut exports = ExportSection::new();
        let mut code = CodeSection::new();
        let answers = |pointer: i32| body(&[I::I32Const(pointer)]);
        let named = [
            ("describe", 0, answers(described)),
            ("configure", 2, answers(configured)),
            ("plan", 1, body(&[I::Unreachable])),
            ("decide", 1, self.decide(decided, words, own + 3)),
            ("on-failure", 1, body(&[I::Unreachable])),
            ("on-reply", 1, body(&[I::Unreachable])),
        ];
        for (index, (name, kind, function)) in (own..).zip(named) {
            functions.function(kind);
            exports.export(&format!("tidings:policy/policy@1.0.0#{name}"), ExportKind::Func, index);
            code.function(&function);
        }
        functions.function(4);
        exports.export("cabi_realloc", ExportKind::Func, own + 6);
        code.function(&realloc());
        exports.export("memory", ExportKind::Memory, 0);

        let mut memories = MemorySection::new();
        let kind =
            MemoryType { minimum: 16, maximum: None, memory64: false, shared: false, page_size_log2: None };
        memories.memory(kind);
        let mut globals = GlobalSection::new();
        let heap = GlobalType { val_type: int, mutable: true, shared: false };
        globals.global(heap, &ConstExpr::i32_const(512 << 10));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(BASE), memory.bytes);

        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&memories);
        module.section(&globals).section(&exports).section(&code).section(&data);
        module.finish()
    }

    fn decide(&self, decided: i32, (pointer, length): (i32, i32), itself: u32) -> Function {
        let block = wasm_encoder::BlockType::Empty;
        match &self.decides {
            Decides::Loop => body(&[I::Loop(block), I::Br(0), I::End, I::I32Const(0)]),
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
            Decides::DivideByZero => body(&[I::I32Const(1), I::I32Const(0), I::I32DivS]),
            Decides::Send
            | Decides::Defer(_)
            | Decides::SendBecause(_)
            | Decides::Say(_)
            | Decides::BigText => body(&[I::I32Const(decided)]),
        }
    }
}

fn body(instructions: &[I<'_>]) -> Function {
    let mut function = Function::new([]);
    for instruction in instructions.iter().chain([&I::End]) {
        function.instruction(instruction);
    }
    function
}

/// Takes the next eight-aligned piece and gives nothing back: an instance answers once.
fn realloc() -> Function {
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

/// Where the data begins.
const BASE: i32 = 1024;

/// Linear memory as the component model lays out what a function returns.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    fn end(&self) -> i32 {
        BASE + i32::try_from(self.bytes.len()).unwrap()
    }

    fn text(&mut self, text: &str) -> (i32, i32) {
        let pointer = self.end();
        self.bytes.extend(text.as_bytes());
        (pointer, i32::try_from(text.len()).unwrap())
    }

    /// Words of four bytes, on a boundary of eight.
    fn record(&mut self, words: &[i32]) -> i32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let pointer = self.end();
        self.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        pointer
    }

    fn description(&mut self, message_type: &str, version: &str) -> i32 {
        let (name, version, summary) = (self.text("sample"), self.text(version), self.text("A sample."));
        let only = self.text(message_type);
        let types = (self.record(&[only.0, only.1]), 1);
        let schema = self.text(r#"{"type": "object", "additionalProperties": false, "properties": {}}"#);
        let none = (0, 0);
        let fields = [name, version, summary, types, none, none, none, schema];
        self.record(&fields.map(|(pointer, length)| [pointer, length]).concat())
    }

    /// `err(text)`, whose payload begins at `align`.
    fn failure(&mut self, align: usize, text: &str) -> i32 {
        let (pointer, length) = self.text(text);
        let mut words = vec![1; align / 4];
        words.extend([pointer, length]);
        self.record(&words)
    }

    fn decided(&mut self, decides: &Decides) -> i32 {
        let code = match decides {
            Decides::SendBecause(code) => code.as_str(),
            _ => "ok",
        };
        let (code, text) = (self.text(code), self.text("It may go."));
        let reason = [code.0, code.1, text.0, text.1, 0, 0];
        match decides {
            Decides::Say(words) => self.failure(8, words),
            Decides::BigText => self.record(&[1, 0, 0, 300 << 10]),
            Decides::DeferByWasi => self.record(&[&[0, 0, 1, 0, 0, 0], &reason[..]].concat()),
            Decides::Defer(until) => {
                let (low, high) = (*until & u64::from(u32::MAX), *until >> 32);
                let halves = [low, high].map(|half| u32::try_from(half).unwrap().cast_signed());
                self.record(&[&[0, 0, 1, 0], &halves[..], &reason[..]].concat())
            }
            _ => self.record(&[&[0, 0, 0, 0], &reason[..]].concat()),
        }
    }
}
