//! `keywords.ftl`: the words that a locale's readers send, as lists with commas. They are read as whole
//! texts, whatever their case and the punctuation around them.

use super::fault::Fault;
use super::ftl::FtlFile;
use crate::domain::keyword::{Keyword, LocaleWords, bare, keyword_of};
use fluent_syntax::ast::{Entry, PatternElement};

/// The file with these words, one in each locale.
pub(super) const FILE: &str = "keywords.ftl";

/// Commas of several scripts.
const COMMAS: [char; 4] = [',', '،', '，', '、'];

/// Reads a locale's words; faults are added to `faults`, and what is faulty is left out.
pub(super) fn read(file: &FtlFile, faults: &mut Vec<Fault>) -> LocaleWords {
    let mut words = LocaleWords::default();
    let mut seen: Vec<(String, &str)> = Vec::new();
    for entry in file.resource.entries() {
        let Entry::Message(message) = entry else { continue };
        let name = message.id.name;
        let (list, own) = match name {
            "stop" => (&mut words.stop, Some(Keyword::Stop)),
            "start" => (&mut words.start, Some(Keyword::Start)),
            "help" => (&mut words.help, Some(Keyword::Help)),
            "confirm" => (&mut words.confirm, None),
            "reschedule" => (&mut words.reschedule, None),
            "cancel" => (&mut words.cancel, None),
            _ => {
                let text = "here are only stop, start, help, confirm, reschedule and cancel";
                faults.push(file.fault(name, text).by("keyword"));
                continue;
            }
        };
        let elements = message.value.iter().flat_map(|value| &value.elements);
        let mut text = String::new();
        for element in elements {
            match element {
                PatternElement::TextElement { value } => text.push_str(value),
                PatternElement::Placeable { .. } => {
                    let problem = "words are written out, with commas between them, and without braces";
                    faults.push(file.fault(name, problem).by("keyword"));
                }
            }
        }
        for word in text.split(COMMAS).map(bare).filter(|word| !word.is_empty()) {
            let provider = keyword_of(&word);
            if provider.is_some() && provider != own {
                let problem = format!("{word} stops or starts all texts at Twilio; it cannot mean `{name}`");
                faults.push(file.fault(name, problem).by("keyword"));
            } else if let Some((_, other)) =
                seen.iter().find(|(known, other)| *known == word && *other != name)
            {
                let problem = format!("{word} means `{other}` already");
                faults.push(file.fault(name, problem).by("keyword"));
            } else if !list.contains(&word) {
                seen.push((word.clone(), name));
                list.push(word);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::ftl;
    use super::super::source::Source;
    use super::*;

    fn words(text: &str) -> (LocaleWords, Vec<String>) {
        let source = Source { file: "locales/es/keywords.ftl".to_owned(), text: text.to_owned() };
        let mut faults = Vec::new();
        let words = read(&ftl::parse(&source).unwrap(), &mut faults);
        (words, faults.into_iter().map(|fault| fault.message).collect())
    }

    #[test]
    fn words_are_listed_with_the_commas_of_any_script() {
        let (words, faults) = words("stop = alto, No más،  parar\n    , basta\nconfirm = sí，si、vale\n");
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(words.stop, ["ALTO", "NO MÁS", "PARAR", "BASTA"]);
        assert_eq!((words.confirm.len(), words.wish("Sí!")), (3, Some("confirm")));
    }

    #[test]
    fn a_word_that_means_two_things_or_stops_all_texts_is_a_fault() {
        for (text, expected) in [
            ("confirm = ok\ncancel = ok", "OK means `confirm` already"),
            ("cancel = x, CANCEL", "CANCEL stops or starts all texts"),
            ("confirm = { $yes }", "without braces"),
            ("agree = yes", "only stop"),
        ] {
            let (_, faults) = words(text);
            assert!(faults.len() == 1 && faults[0].contains(expected), "{text}: {faults:?}");
        }
        assert_eq!(words("stop = stop, cancel").1, Vec::<String>::new());
    }
}
