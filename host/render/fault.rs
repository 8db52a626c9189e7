//! Faults: what is wrong in a file that people edit, where, and in one plain sentence.

use std::fmt;

/// How much of a long line is shown on each side of the caret.
const AROUND: usize = 50;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used: a running host keeps its last good version.
    Fault,
    /// It can be used, and somebody should look.
    Warning,
}

impl Severity {
    /// As reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
        }
    }
}

/// One fault in one file, or a warning about it. Its `Display` prints the place, the line, a caret
/// and the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How much it weighs.
    pub severity: Severity,
    /// The rule that found it, for machines: `unknown-variable`.
    pub rule: &'static str,
    /// Path below the home folder: `locales/es/appointments.ftl`.
    pub file: String,
    /// Counts from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Counts characters from 1; 0 when the whole file is meant.
    pub column: usize,
    /// The line itself; empty when the whole file is meant.
    pub snippet: String,
    /// One sentence.
    pub message: String,
}

impl Fault {
    /// A fault at a byte of a text. An offset inside a character means that character.
    pub(super) fn at(file: &str, source: &str, offset: usize, message: impl Into<String>) -> Self {
        let mut offset = offset.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &source[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = source[offset..].find('\n').map_or(source.len(), |length| offset + length);
        Self {
            severity: Severity::Fault,
            rule: "unreadable",
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: source[start..offset].chars().count() + 1,
            snippet: source[start..end].trim_end_matches('\r').to_owned(),
            message: message.into(),
        }
    }

    /// A fault of a whole file, or of one that is not there.
    pub(super) fn whole(file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Fault,
            rule: "unreadable",
            file: file.to_owned(),
            line: 0,
            column: 0,
            snippet: String::new(),
            message: message.into(),
        }
    }

    /// A fault in a line, where nothing closer is known.
    pub(super) fn in_line(file: &str, source: &str, line: usize, message: impl Into<String>) -> Self {
        let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let indent = source[start..].find(|c: char| !c.is_whitespace()).unwrap_or(0);
        Self::at(file, source, start + indent, message)
    }

    /// The same, found by this rule.
    pub(super) fn by(self, rule: &'static str) -> Self {
        Self { rule, ..self }
    }

    /// The same, as a warning of this rule.
    pub(super) fn warn(self, rule: &'static str) -> Self {
        Self { rule, severity: Severity::Warning, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.severity {
            Severity::Fault => String::new(),
            // A comment that allows it names its rule.
            Severity::Warning => format!("warning ({}): ", self.rule),
        };
        if self.line == 0 {
            return write!(f, "{}: {weight}{}", self.file, self.message);
        }
        writeln!(f, "{}:{}:{}: {weight}{}", self.file, self.line, self.column, self.message)?;
        let skipped = self.column.saturating_sub(AROUND + 1);
        // A tab is as wide as the terminal likes; as a space the caret stands under its character.
        let shown: String = self
            .snippet
            .chars()
            .skip(skipped)
            .take(2 * AROUND)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let (number, blank) = (self.line.to_string(), " ".repeat(self.line.to_string().len()));
        writeln!(f, "  {number} | {shown}")?;
        write!(f, "  {blank} | {:>width$}", '^', width = self.column - skipped)
    }
}

/// All faults that one load found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_the_line_and_a_caret_under_the_character() {
        let source = "one = Uno\ntwo = Año { $x\n";
        let fault = Fault::at("locales/es/a.ftl", source, source.find('{').unwrap(), "a brace is not closed");
        assert_eq!(
            fault.to_string(),
            "locales/es/a.ftl:2:11: a brace is not closed\n  2 | two = Año { $x\n    |           ^"
        );
    }

    #[test]
    fn the_end_of_a_file_and_the_inside_of_a_character_are_places_too() {
        assert_eq!(Fault::at("f", "ñ", 1, "x").column, 1);
        assert_eq!(Fault::at("f", "a\n", 99, "x").line, 2);
        let long = "x".repeat(400);
        assert!(Fault::at("f", &long, 300, "x").to_string().lines().all(|line| line.len() < 120));
    }
}
