//! `keywords.ftl`: the words that a locale's readers send, as lists with commas. They are read as whole
//! texts, whatever their case and the punctuation around them.

use super::fault::Fault;
use super::ftl::FtlFile;
use super::lint;
use crate::domain::keyword::{LocaleWords, bare, keyword_of};
use fluent_syntax::ast::PatternElement;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// The file with these words, one in each locale.
pub(super) const FILE: &str = "keywords.ftl";

/// Commas of several scripts.
const COMMAS: [char; 4] = [',', '،', '，', '、'];

/// Reads a locale's words; faults are added to `faults`, and what is faulty is left out.
pub(super) fn read(file: &FtlFile, faults: &mut Vec<Fault>) -> LocaleWords {
    let mut words = LocaleWords::default();
    // What each word means.
    let mut known: FxHashMap<String, &str> = FxHashMap::default();
    for message in lint::sound(file, faults) {
        let name = message.id.name;
        let Some(list) = list_of(&mut words, name) else {
            let text = "here are only stop, start, help, confirm, reschedule and cancel";
            faults.push(file.fault(name, text).by("keyword"));
            continue;
        };
        let elements = message.value.iter().flat_map(|value| &value.elements);
        let written: Option<String> = elements
            .map(|element| match element {
                PatternElement::TextElement { value } => Some(*value),
                PatternElement::Placeable { .. } => None,
            })
            .collect();
        let Some(text) = written else {
            let problem = "words are written out, with commas between them, and without braces";
            faults.push(file.fault(name, problem).by("keyword"));
            continue;
        };
        for word in text.split(COMMAS).map(bare).filter(|word| !word.is_empty()) {
            if keyword_of(&word).is_some_and(|provider| provider.name() != name) {
                let problem = format!("{word} stops or starts all texts at Twilio; it cannot mean `{name}`");
                faults.push(file.fault(name, problem).by("keyword"));
                continue;
            }
            match known.entry(word) {
                Entry::Vacant(free) => {
                    list.push(free.key().clone());
                    free.insert(name);
                }
                Entry::Occupied(taken) if *taken.get() != name => {
                    let problem = format!("{} means `{}` already", taken.key(), taken.get());
                    faults.push(file.fault(name, problem).by("keyword"));
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    words
}

fn list_of<'a>(words: &'a mut LocaleWords, name: &str) -> Option<&'a mut Vec<String>> {
    match name {
        "stop" => Some(&mut words.stop),
        "start" => Some(&mut words.start),
        "help" => Some(&mut words.help),
        "confirm" => Some(&mut words.confirm),
        "reschedule" => Some(&mut words.reschedule),
        "cancel" => Some(&mut words.cancel),
        _ => None,
    }
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
        assert_eq!(words("confirm = ok { $x }, yes").0.confirm, Vec::<String>::new());
    }
}
