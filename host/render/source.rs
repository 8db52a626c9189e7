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

/// Reads `path`, called `file` in reports.
pub(super) fn read(path: &Path, file: &str) -> Result<Source, Fault> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|opened| {
            let length = opened.metadata().map_or(0, |metadata| metadata.len()).min(MAX_BYTES);
            bytes.reserve_exact(usize::try_from(length).unwrap_or(0) + 1);
            opened.take(MAX_BYTES + 1).read_to_end(&mut bytes)
        })
        .map_err(|error| Fault::whole(file, format!("the file cannot be read: {error}")))?;
    decode(file, bytes)
}

/// Takes bytes as text, or says which of the usual mistakes they are.
pub(super) fn decode(file: &str, mut bytes: Vec<u8>) -> Result<Source, Fault> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Fault::whole(file, "the file is larger than 256 KiB; split it").by("size"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(Fault::whole(file, "the file is saved as UTF-16; save it as UTF-8").by("encoding"));
    }
    // Notepad writes a mark that Fluent takes for a part of the first message.
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        bytes.drain(..3);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { file: file.to_owned(), text }),
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Err(Fault::at(file, &text, offset, "this is not UTF-8; save the file as UTF-8").by("encoding"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_dropped_and_other_encodings_are_named() {
        assert_eq!(decode("f", b"\xEF\xBB\xBFa = A".to_vec()).unwrap().text, "a = A");
        assert!(decode("f", b"\xFF\xFEa\0".to_vec()).unwrap_err().message.contains("UTF-16"));
        let latin1 = decode("f", b"a = A\nb = a\xF1o".to_vec()).unwrap_err();
        assert_eq!((latin1.line, latin1.column), (2, 6));
        assert!(decode("f", vec![b'a'; 300 * 1024]).unwrap_err().message.contains("256 KiB"));
    }
}
