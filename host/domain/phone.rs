//! Phone numbers: any common spelling in, E.164 kept, dots printed.

use phonenumber::{Type, country, metadata::DATABASE};
use std::fmt;
use std::str::FromStr as _;

/// A number that can receive texts. `Display` and `Debug` mask it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    e164: String,
    country: Option<String>,
    line: Line,
}

/// What kind of line a number is, as far as its plan tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Surely a mobile.
    Mobile,
    /// Cannot be told from the number, as in North America.
    MobileOrFixed,
    /// Another kind that may receive texts: voice over IP, personal numbers.
    Other,
}

impl Line {
    /// The word in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::MobileOrFixed => "mobile-or-fixed",
            Self::Other => "other",
        }
    }
}

/// Why a text is not a phone number we can send to. Never repeats the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Letters, or far too many digits.
    #[error("is not a phone number; expected one such as +12025550143")]
    NotANumber,
    /// Written without its country and no region was given.
    #[error(
        "is a national number and no region says of which country; write it as +12025550143 or give a region"
    )]
    NoRegion,
    /// The region is no country code.
    #[error("has a region that is not a country; expected two letters such as US")]
    UnknownRegion,
    /// The number plan has no such number.
    #[error("does not exist in its country's number plan")]
    NotInPlan,
    /// The number plan says that it is a landline.
    #[error("is a landline and cannot receive texts")]
    FixedLine,
}

impl PhoneNumber {
    /// Reads a number in international spelling, or in national spelling with the region
    /// (ISO 3166 alpha-2) that it belongs to.
    ///
    /// # Errors
    ///
    /// The text is not a number that can receive texts.
    pub fn parse(text: &str, region: Option<&str>) -> Result<Self, PhoneError> {
        let text = text.trim();
        if text.len() > 40 || !text.chars().all(|c| c.is_ascii_digit() || " +-().\u{a0}/".contains(c)) {
            return Err(PhoneError::NotANumber);
        }
        let international = text.starts_with('+');
        let region = match region {
            Some(region) if !international => Some(
                country::Id::from_str(&region.to_ascii_uppercase()).map_err(|_| PhoneError::UnknownRegion)?,
            ),
            _ => None,
        };
        if !international && region.is_none() {
            return Err(PhoneError::NoRegion);
        }
        let number = phonenumber::parse(region, text).map_err(|_| PhoneError::NotANumber)?;
        if !number.is_valid() {
            return Err(PhoneError::NotInPlan);
        }
        let line = match number.number_type(&DATABASE) {
            Type::FixedLine => return Err(PhoneError::FixedLine),
            Type::Mobile => Line::Mobile,
            Type::FixedLineOrMobile => Line::MobileOrFixed,
            _ => Line::Other,
        };
        Ok(Self {
            e164: number.format().mode(phonenumber::Mode::E164).to_string(),
            country: number.country().id().map(|id| id.as_ref().to_owned()),
            line,
        })
    }

    /// A number that was checked before it was kept. Number plans change; what was a good number once
    /// must stay readable.
    #[must_use]
    pub fn kept(e164: String) -> Self {
        let parsed = phonenumber::parse(None, &e164).ok();
        let line = parsed.as_ref().map_or(Line::Other, |number| match number.number_type(&DATABASE) {
            Type::Mobile => Line::Mobile,
            Type::FixedLineOrMobile => Line::MobileOrFixed,
            _ => Line::Other,
        });
        let country = parsed.and_then(|number| number.country().id().map(|id| id.as_ref().to_owned()));
        Self { e164, country, line }
    }

    /// The number itself. Read it where it is sent or sealed, and nowhere else.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The country of the number, ISO 3166 alpha-2, where the plan tells.
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// What kind of line it is.
    #[must_use]
    pub const fn line(&self) -> Line {
        self.line
    }

    /// As it may be shown: `+1•••••••143`.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.e164)
    }
}

/// Reads the number plans, which takes a tenth of a second once: at the start, the first request does
/// not have to wait for it.
pub fn read_plans() {
    let _ = PhoneNumber::parse("+15005550006", None);
}

/// Masks any E.164 text: the first two and the last three characters stay.
#[must_use]
pub fn mask(e164: &str) -> String {
    let characters: Vec<char> = e164.chars().collect();
    let last = characters.len().saturating_sub(3);
    characters.iter().enumerate().map(|(i, c)| if i < 2 || i >= last { *c } else { '•' }).collect()
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_spellings_become_e164() {
        for (text, region, e164, country) in [
            ("+1 202-555-0143", None, "+12025550143", "US"),
            ("(202) 555-0143", Some("US"), "+12025550143", "US"),
            ("06 12 34 56 78", Some("FR"), "+33612345678", "FR"),
            ("+44 7400 123456", None, "+447400123456", "GB"),
            ("+880 1812-345678", None, "+8801812345678", "BD"),
            ("+5511961234567", None, "+5511961234567", "BR"),
        ] {
            let number = PhoneNumber::parse(text, region).unwrap();
            assert_eq!((number.e164(), number.country()), (e164, Some(country)), "{text}");
        }
    }

    #[test]
    fn what_cannot_receive_a_text_is_refused_by_its_reason() {
        for (text, region, error) in [
            ("2025550143", None, PhoneError::NoRegion),
            ("call me", None, PhoneError::NotANumber),
            ("+1202555CALL", None, PhoneError::NotANumber),
            ("2025550143", Some("ZZ"), PhoneError::UnknownRegion),
            ("+1202", None, PhoneError::NotInPlan),
            ("+33142685300", None, PhoneError::FixedLine),
            ("+442079460000", None, PhoneError::FixedLine),
        ] {
            assert_eq!(PhoneNumber::parse(text, region), Err(error), "{text}");
        }
    }

    #[test]
    fn a_printed_number_is_masked() {
        let number = PhoneNumber::parse("+12025550143", None).unwrap();
        assert_eq!(number.to_string(), "+1•••••••143");
        assert_eq!(format!("{number:?}"), "PhoneNumber(+1•••••••143)");
    }
}
