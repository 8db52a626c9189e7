//! Policies made by hand, byte by byte, so that the limits can be hit without a WebAssembly compiler.
#![allow(dead_code, clippy::allow_attributes, reason = "each test binary uses its own part")]

mod memory;
mod wasi;

use memory::{MANY, Memory, PLANNED};
use wasi::{CLOCKS, Calls, OUTPUT, WASI};
use wasm_encoder::{
    CodeSection, Component, ComponentImportSection, ComponentTypeRef, ComponentTypeSection, ConstExpr,
    DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, InstanceType, Instruction as I, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// What `decide` does.
pub(crate) enum Decides {
    Send,
    Defer(u64),
    SendBecause(String),
    /// Sends for the sake of a decimal that is written so.
    SendWithDecimal(&'static str),
    Say(String),
    /// Says a text of so many bytes.
    Text(i32),
    /// Answers with a case that the contract does not have.
    NoSuchCase,
    /// Gives a reason whose text is no text.
    BrokenText,
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

/// What `plan` does.
pub(crate) enum Plans {
    Trap,
    Nothing,
    /// One message to the first person, at once.
    One,
    /// So many of them.
    Many(i32),
    /// One of another type.
    OfType(&'static str),
    /// One to somebody else.
    To(&'static str),
    /// One for this moment.
    At(u64),
}

/// What `on-reply` does.
pub(crate) enum Replies {
    Trap,
    Ignore,
    /// Answers with a message of this type.
    Answer(&'static str),
    /// Asks the clinic's system for this.
    Request(&'static str),
    HandToStaff,
    OptOut,
}

/// A policy for this message type.
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) message_type: &'static str,
    pub(crate) version: &'static str,
    pub(crate) events: &'static [&'static str],
    pub(crate) decides: Decides,
    pub(crate) plans: Plans,
    /// `on-failure` tries again at this moment; it traps where there is none.
    pub(crate) retries_at: Option<u64>,
    pub(crate) replies: Replies,
    pub(crate) refuses_settings: Option<&'static str>,
    pub(crate) contract: Contract,
}

/// What a guest was built for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    /// The contract of this repository.
    Ours,
    /// A later minor version, of which the guest uses nothing that is new.
    Grown,
    /// The same, and it uses a function that an interface has got.
    GrownFunction,
    /// The same, and it uses an interface that is new.
    GrownInterface,
}

/// The contract of this repository.
const CONTRACT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/wit/tidings-policy.wit"));

impl Contract {
    fn version(self) -> &'static str {
        if self == Self::Ours { "1.0.0" } else { "1.1.0" }
    }

    /// By the rules of growth that stand in the file.
    pub(crate) fn text(self) -> String {
        let grown = [
            ("package tidings:policy@1.0.0", "package tidings:policy@1.1.0"),
            ("interface calendar {", "interface calendar {\n  holidays: func(year: u16) -> list<u64>;\n"),
            ("interface policy {", "interface weather { frost: func() -> bool; }\n\ninterface policy {"),
            ("import calendar;", "import calendar;\n  import weather;"),
        ];
        let changes = if self == Self::Ours { &[][..] } else { &grown[..] };
        changes.iter().fold(CONTRACT.to_owned(), |text, (before, after)| {
            assert!(text.contains(before), "{before}");
            text.replace(before, after)
        })
    }
}

impl Guest {
    pub(crate) fn new(decides: Decides) -> Self {
        Self {
            name: "sample",
            message_type: "sample",
            version: "1.0.0",
            events: &[],
            decides,
            plans: Plans::Trap,
            retries_at: None,
            replies: Replies::Trap,
            refuses_settings: None,
            contract: Contract::Ours,
        }
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let encoder = wit_component::ComponentEncoder::default().validate(true);
        encoder.module(&self.core()).unwrap().encode().unwrap()
    }

    /// The core module, with the contract embedded as the SDK does.
    pub(crate) fn core(&self) -> Vec<u8> {
        let mut wasm = self.module();
        let mut resolve = wit_parser::Resolve::default();
        let mut package = resolve.push_source("tidings-policy.wit", &self.contract.text()).unwrap();
        let (world, _) = self.calls();
        if world != "message-policy" {
            package = resolve.push_source("wasi.wit", WASI).unwrap();
        }
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let encoding = wit_component::StringEncoding::UTF8;
        wit_component::embed_component_metadata(&mut wasm, &resolve, world, encoding).unwrap();
        wasm
    }

    /// The world it is of, and what it calls beside the log.
    fn calls(&self) -> (&'static str, Calls) {
        match (&self.decides, self.contract) {
            (Decides::DeferByWasi, _) => ("clocks", CLOCKS),
            (Decides::Print(_), _) => ("output", OUTPUT),
            (_, Contract::GrownFunction) => {
                ("message-policy", &[("tidings:policy/calendar@1.1.0", "holidays", 9)])
            }
            (_, Contract::GrownInterface) => {
                ("message-policy", &[("tidings:policy/weather@1.1.0", "frost", 0)])
            }
            (_, Contract::Ours | Contract::Grown) => ("message-policy", &[]),
        }
    }

    fn module(&self) -> Vec<u8> {
        let mut memory = Memory::default();
        let described = memory.description(self);
        let configured = match self.refuses_settings {
            Some(text) => memory.failure(4, text),
            None => memory.record(&[0, 0, 0]),
        };
        let decided = memory.decided(&self.decides);
        let plan = memory.plan(self);
        let replied = match self.replies {
            Replies::Trap => body(&[I::Unreachable]),
            _ => body(&[I::I32Const(memory.replied(&self.replies))]),
        };
        let retried = self.retries_at.map(|at| memory.retried(at));
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
        types.ty().function([int; 2], []);
        let mut imports = ImportSection::new();
        let contract = self.contract.version();
        imports.import(&format!("tidings:policy/log@{contract}"), "write", EntityType::Function(3));
        let (_, calls) = self.calls();
        for (module, name, kind) in calls {
            imports.import(module, name, EntityType::Function(*kind));
        }
        let own = u32::try_from(calls.len()).unwrap() + 1;

        let mut functions = FunctionSection::new();
        let mut exports = ExportSection::new();
        let mut code = CodeSection::new();
        let answers = |pointer: i32| body(&[I::I32Const(pointer)]);
        let named = [
            ("describe", 0, answers(described)),
            ("configure", 2, answers(configured)),
            ("plan", 1, self.plan(plan)),
            ("decide", 1, self.decide(decided, words, own + 3)),
            ("on-failure", 1, retried.map_or_else(|| body(&[I::Unreachable]), answers)),
            ("on-reply", 1, replied),
        ];
        for (index, (name, kind, function)) in (own..).zip(named) {
            functions.function(kind);
            exports.export(&format!("tidings:policy/policy@{contract}#{name}"), ExportKind::Func, index);
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
        data.active(0, &ConstExpr::i32_const(memory::BASE), memory.bytes);

        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&memories);
        module.section(&globals).section(&exports).section(&code).section(&data);
        module.finish()
    }

    fn plan(&self, (planned, message): (i32, i32)) -> Function {
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

/// A component that imports these interfaces and exports nothing.
pub(crate) fn importing(names: &[&str]) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.instance(&InstanceType::new());
    let mut imports = ComponentImportSection::new();
    for name in names {
        imports.import(*name, ComponentTypeRef::Instance(0));
    }
    let mut component = Component::new();
    component.section(&types).section(&imports);
    component.finish()
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
