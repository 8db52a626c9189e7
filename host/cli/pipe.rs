//! A reader that has seen enough, such as `head`, ends a command without a word.

/// What a program ends with when its reader has gone: 128 and the number of SIGPIPE.
const READER_GONE: i32 = 141;

/// From here on printing into a closed pipe is an end, and no panic.
pub(super) fn end_quietly() {
    let other = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        if text.is_some_and(|text| text.starts_with("failed printing to std") && text.contains("os error 32"))
        {
            std::process::exit(READER_GONE);
        }
        other(panic);
    }));
}
