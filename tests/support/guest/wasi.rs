//! As much of WASI as the guests here ask for.

/// Its worlds.
pub(super) const WASI: &str = "package tests:guests;
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
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
    }
}
package wasi:filesystem@0.2.0 {
    interface types { resource descriptor; }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }
}
world surroundings {
    include tidings:policy/message-policy@1.0.0;
    import wasi:cli/environment@0.2.0;
    import wasi:filesystem/preopens@0.2.0;
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

/// The functions that a guest calls beside those of the contract, in order of their index from 1 on: module, name, type.
pub(super) type Calls = &'static [(&'static str, &'static str, u32)];

pub(super) const CLOCKS: Calls = &[
    ("wasi:clocks/wall-clock@0.2.0", "now", 5),
    ("wasi:clocks/monotonic-clock@0.2.0", "subscribe-duration", 6),
    ("wasi:io/poll@0.2.0", "[method]pollable.block", 5),
    ("wasi:random/random@0.2.0", "get-random-u64", 7),
];

pub(super) const OUTPUT: Calls = &[
    ("wasi:cli/stderr@0.2.0", "get-stderr", 0),
    ("wasi:io/streams@0.2.0", "[method]output-stream.blocking-write-and-flush", 8),
];

pub(super) const SURROUNDINGS: Calls = &[
    ("wasi:cli/environment@0.2.0", "get-environment", 5),
    ("wasi:cli/environment@0.2.0", "get-arguments", 5),
    ("wasi:filesystem/preopens@0.2.0", "get-directories", 5),
];
