//! Reading the files that people edit: as text, whole, and never more than a file should hold.

use super::fault::Fault;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// More than a thousand messages; a larger file is a mistake.
const MAX_BYTES: u64 = 256 * 1024;

/// A file's text, and the name it has in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Path below the home folder.
    pub(super) file: String,
    /// Without a byte order mark.
    pub(super) text: String,
}

impl Source {
    /// A fault at a byte of this text.
    pub(super) fn fault(&self, offset: usize, message: impl Into<String>) -> Fault {
        Fault::at(&self.file, &self.text, offset, message)
    }
}

/// Reads files one after the other into one buffer, which has its size by then: a file costs no more
/// calls than opening, reading, its end and closing.
#[derive(Default)]
pub(super) struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads `path`, called `file` in reports.
    pub(super) fn read(&mut self, path: &Path, file: String) -> Result<Source, Fault> {
        self.bytes.clear();
        match File::open(path).and_then(|opened| opened.take(MAX_BYTES + 1).read_to_end(&mut self.bytes)) {
            Ok(_) => decode(file, &self.bytes),
            Err(error) => Err(Fault::whole(&file, format!("the file cannot be read: {error}"))),
        }
    }
}

/// Takes bytes as text, or says which of the usual mistakes they are.
fn decode(file: String, bytes: &[u8]) -> Result<Source, Fault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Fault::whole(&file, "the file is larger than 256 KiB; split it").by("size"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(Fault::whole(&file, "the file is saved as UTF-16; save it as UTF-8").by("encoding"));
    }
    // Notepad writes a mark that Fluent takes for a part of the first message.
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Source { file, text: text.to_owned() }),
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            let offset = error.valid_up_to();
            Err(Fault::at(&file, &text, offset, "this is not UTF-8; save the file as UTF-8").by("encoding"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Source, Fault> {
        decode("f".to_owned(), bytes)
    }

    #[test]
    fn a_mark_is_dropped_and_other_encodings_are_named() {
        assert_eq!(read(b"\xEF\xBB\xBFa = A").unwrap().text, "a = A");
        assert!(read(b"\xFF\xFEa\0").unwrap_err().message.contains("UTF-16"));
        let latin1 = read(b"a = A\nb = a\xF1o").unwrap_err();
        assert_eq!((latin1.line, latin1.column), (2, 6));
        assert!(read(&vec![b'a'; 300 * 1024]).unwrap_err().message.contains("256 KiB"));
    }
}
