//! Policies made by hand, byte by byte, so that the limits can be hit without a WebAssembly compiler.
#![allow(dead_code, clippy::allow_attributes, reason = "each test binary uses its own part")]

mod code;
mod memory;
mod wasi;

use code::{body, endless, pad, realloc};
use memory::Memory;
use wasi::{CLOCKS, Calls, OUTPUT, SURROUNDINGS, WASI};
use wasm_encoder::{
    CodeSection, Component, ComponentImportSection, ComponentSection as _, ComponentTypeRef,
    ComponentTypeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstanceSection, InstanceType,
    Instruction as I, MemorySection, MemoryType, Module, ModuleArg, ModuleSection, StartSection, TypeSection,
    ValType,
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
    /// Sends, unless WASI shows it a variable, an argument or a folder: then it traps.
    SendAlone,
    /// Sends, unless it finds in its memory what it wrote there itself: then it traps.
    SendUnmarked,
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
    /// One at once, about this moment of the subject.
    About(u64),
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

/// What a policy does before it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    /// The start of the module.
    Start,
    Describe,
    Configure,
}

/// The question that a policy answers as it says in `decides`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Decide,
    /// And `decide` sends.
    OnFailure,
    /// And `decide` sends.
    OnReply,
}

/// A policy for this message type.
pub(crate) struct Guest {
    pub(crate) name: &'static str,
    pub(crate) message_type: &'static str,
    /// A second type that it decides for.
    pub(crate) also: Option<&'static str>,
    pub(crate) version: &'static str,
    pub(crate) events: &'static [&'static str],
    pub(crate) decides: Decides,
    pub(crate) when: Asked,
    pub(crate) plans: Plans,
    /// `on-failure` tries again at this moment; it traps where there is none.
    pub(crate) retries_at: Option<u64>,
    pub(crate) replies: Replies,
    pub(crate) refuses_settings: Option<&'static str>,
    /// What never ends, before a question is asked.
    pub(crate) loops_in: Option<Early>,
    /// So many functions of a few thousand instructions that nobody calls.
    pub(crate) padding: u32,
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
            also: None,
            version: "1.0.0",
            events: &[],
            decides,
            when: Asked::Decide,
            plans: Plans::Trap,
            retries_at: None,
            replies: Replies::Trap,
            refuses_settings: None,
            loops_in: None,
            padding: 0,
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
            (Decides::SendAlone, _) => ("surroundings", SURROUNDINGS),
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
        let sent = memory.decided(&Decides::Send);
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
        types.ty().function([], []);
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
        let early =
            |when: Early, answer: Function| if self.loops_in == Some(when) { endless() } else { answer };
        let mut named = [
            ("describe", 0, early(Early::Describe, answers(described))),
            ("configure", 2, early(Early::Configure, answers(configured))),
            ("plan", 1, self.plan(plan)),
            ("decide", 1, answers(sent)),
            ("on-failure", 1, retried.map_or_else(|| body(&[I::Unreachable]), answers)),
            ("on-reply", 1, replied),
        ];
        let place = match self.when {
            Asked::Decide => 3,
            Asked::OnFailure => 4,
            Asked::OnReply => 5,
        };
        named[place].2 = self.decide(decided, words, own + u32::try_from(place).unwrap());
        for (index, (name, kind, function)) in (own..).zip(named) {
            functions.function(kind);
            exports.export(&format!("tidings:policy/policy@{contract}#{name}"), ExportKind::Func, index);
            code.function(&function);
        }
        functions.function(4);
        exports.export("cabi_realloc", ExportKind::Func, own + 6);
        code.function(&realloc());
        functions.function(10);
        code.function(&body(&[I::Loop(wasm_encoder::BlockType::Empty), I::Br(0), I::End]));
        for number in 0..self.padding {
            functions.function(1);
            code.function(&pad(number));
        }
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
        module.section(&globals).section(&exports);
        if self.loops_in == Some(Early::Start) {
            module.section(&StartSection { function_index: own + 7 });
        }
        module.section(&code).section(&data);
        module.finish()
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

/// The same component with one more module in it, whose memory has so many pages of 64 KiB.
pub(crate) fn with_memory(mut component: Vec<u8>, pages: u64) -> Vec<u8> {
    let payloads = wasmparser::Parser::new(0).parse_all(&component);
    let is_module =
        |payload: &wasmparser::Payload<'_>| matches!(payload, wasmparser::Payload::ModuleSection { .. });
    let modules = payloads.filter(|payload| is_module(payload.as_ref().unwrap())).count();
    let mut memories = MemorySection::new();
    let kind =
        MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(kind);
    let mut module = Module::new();
    module.section(&memories);
    let mut instances = InstanceSection::new();
    instances.instantiate(u32::try_from(modules).unwrap(), std::iter::empty::<(&str, ModuleArg)>());
    ModuleSection(&module).append_to_component(&mut component);
    instances.append_to_component(&mut component);
    component
}
