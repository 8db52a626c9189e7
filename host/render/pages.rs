//! The pages of links that lead nowhere: words for a browser, in the language of who opens them.

use super::catalogue::Catalogue;
use super::lint::{Calls, Given};
use crate::domain::value::ValueType;
use fluent_bundle::FluentArgs;

const OVER: &str = "link-over";
const UNKNOWN: &str = "link-unknown";
const CALL: &str = "link-call";
const CONTACT: &str = "link-contact";

/// The keys that the pages ask for, with what each is given.
const KEYS: [(&str, &[&str]); 4] =
    [(OVER, &[]), (UNKNOWN, &[]), (CALL, &["clinic", "phone"]), (CONTACT, &["clinic"])];

/// Why a link leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLink {
    /// It is too old, or its person is erased.
    Over,
    /// It never was one.
    Unknown,
}

/// What such a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPage {
    /// The language all of it is in.
    pub locale: String,
    /// Why it leads nowhere.
    pub title: String,
    /// What to do.
    pub text: String,
}

/// Whether a page asks for this key.
pub(super) fn asks_for(key: &str) -> bool {
    KEYS.iter().any(|(known, _)| *known == key)
}

/// What the pages call, for the linter.
pub(super) fn gather(calls: &mut Calls) {
    let given = Given { value_type: Some(ValueType::Text), required: true, secret: false };
    for (key, arguments) in KEYS {
        let arguments = arguments.iter().map(|name| ((*name).to_owned(), given)).collect();
        calls.entry(key.to_owned()).or_default().push(arguments);
    }
}

impl Catalogue {
    /// The page in the first of these languages that has it whole, then in the clinic's, then in English.
    #[must_use]
    pub fn link_page(
        &self,
        dead: DeadLink,
        languages: &[&str],
        clinic: &str,
        phone: Option<&str>,
    ) -> LinkPage {
        let title = match dead {
            DeadLink::Over => OVER,
            DeadLink::Unknown => UNKNOWN,
        };
        let mut arguments = FluentArgs::new();
        arguments.set("clinic", clinic);
        if let Some(phone) = phone {
            arguments.set("phone", phone);
        }
        let text = if phone.is_some() { CALL } else { CONTACT };
        let asked = languages.iter().copied().chain([self.default_language.as_str(), "en"]);
        let found = asked.filter_map(|language| self.locales.get(&self.negotiate(language)?));
        let mut whole = found.filter_map(|locale| {
            let title = locale.format(title, &arguments).ok()?;
            let text = locale.format(text, &arguments).ok()?;
            Some(LinkPage { locale: locale.tag.clone(), title, text })
        });
        whole.next().unwrap_or_else(|| LinkPage {
            // A home whose files are older than the pages.
            locale: "en".to_owned(),
            title: "This link leads nowhere".to_owned(),
            text: format!("{clinic} {}", phone.unwrap_or_default()).trim_end().to_owned(),
        })
    }
}
