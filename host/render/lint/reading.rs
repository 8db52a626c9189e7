//! A message as it is read: the pieces that its file cuts it into, put together again in each of its variants,
//! with the words of the terms and messages that it stands for.

use super::super::ftl::FtlFile;
use super::content::Name;
use super::{messages, terms};
use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement};
use rustc_hash::FxHashMap;
use std::cell::OnceCell;

/// Names inside names that are followed.
const DEEP: usize = 4;

/// More pieces than any message has; one that has more is read piece by piece.
const MANY: usize = 4096;

/// In the place of a value.
const VALUE: &str = "\u{FFFC}";

/// What every name of one locale stands for.
pub(super) struct Dictionary<'a> {
    files: &'a [FtlFile],
    /// Most locales never look.
    known: OnceCell<FxHashMap<Name<'a>, &'a Pattern<&'a str>>>,
}

impl<'a> Dictionary<'a> {
    pub(super) const fn of(files: &'a [FtlFile]) -> Self {
        Self { files, known: OnceCell::new() }
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: Name<'_>) -> Option<&'a Pattern<&'a str>> {
        let known = self.known.get_or_init(|| {
            let all = self.files.iter();
            let said = all.clone().flat_map(messages).filter_map(|message| {
                Some((Name { is_term: false, name: message.id.name }, message.value.as_ref()?))
            });
            let fixed =
                all.flat_map(terms).map(|term| (Name { is_term: true, name: term.id.name }, &term.value));
            // As Fluent does: of two with one name the first one stands.
            let mut known = FxHashMap::default();
            for (name, pattern) in said.chain(fixed) {
                known.entry(name).or_insert(pattern);
            }
            known
        });
        known.get(&name).copied()
    }
}

/// A piece of a reading.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// The name in the message that stands for it.
    pub(super) by: Option<&'a str>,
}

/// One way to read a message.
pub(super) struct Reading<'a> {
    /// All of it.
    pub(super) text: String,
    /// Where each piece begins in it.
    pieces: Vec<(usize, Piece<'a>)>,
}

impl<'a> Reading<'a> {
    fn new(pieces: &[Piece<'a>]) -> Self {
        let mut reading = Self { text: String::new(), pieces: Vec::with_capacity(pieces.len()) };
        for piece in pieces {
            reading.pieces.push((reading.text.len(), *piece));
            reading.text.push_str(piece.text);
        }
        reading
    }

    /// The piece that a word of the text begins in, and where in it.
    pub(super) fn place(&self, word: &str) -> Option<(Piece<'a>, usize)> {
        let at = (word.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let (start, piece) = self.pieces.iter().rev().find(|(start, _)| *start <= at)?;
        Some((*piece, at - start))
    }
}

/// The ways to read a pattern: as many as it takes to see each of its variants in the middle of what stands
/// around it.
pub(super) fn readings<'a>(pattern: &'a Pattern<&'a str>, names: &Dictionary<'a>) -> Vec<Reading<'a>> {
    let mut left = MANY;
    let whole = Reader { names, left: &mut left }.pattern(pattern, 0, None);
    let ways = whole.unwrap_or_else(|| {
        let texts = super::texts(pattern).into_iter();
        texts.map(|text| vec![Piece { text, by: None }]).collect()
    });
    ways.iter().map(|pieces| Reading::new(pieces)).collect()
}

/// Ways to read something.
type Ways<'a> = Vec<Vec<Piece<'a>>>;

struct Reader<'a, 'n> {
    names: &'n Dictionary<'a>,
    left: &'n mut usize,
}

impl<'a> Reader<'a, '_> {
    /// `None` beyond all measure.
    fn pattern(
        &mut self,
        pattern: &'a Pattern<&'a str>,
        depth: usize,
        by: Option<&'a str>,
    ) -> Option<Ways<'a>> {
        let mut ways: Ways<'a> = vec![Vec::new()];
        for element in &pattern.elements {
            let next = match element {
                PatternElement::TextElement { value } => vec![vec![Piece { text: value, by }]],
                PatternElement::Placeable { expression } => self.expression(expression, depth, by)?,
            };
            // Side by side and not each with each: two choices of six are six ways.
            while ways.len() < next.len() {
                let last = ways.last()?.clone();
                self.count(last.len())?;
                ways.push(last);
            }
            for (nth, way) in ways.iter_mut().enumerate() {
                let pieces = next.get(nth).or(next.last())?;
                self.count(pieces.len() + 1)?;
                way.extend_from_slice(pieces);
            }
        }
        Some(ways)
    }

    fn expression(
        &mut self,
        expression: &'a Expression<&'a str>,
        depth: usize,
        by: Option<&'a str>,
    ) -> Option<Ways<'a>> {
        let inline = match expression {
            Expression::Inline(inline) => inline,
            Expression::Select { variants, .. } => {
                let ways = variants.iter().map(|variant| self.pattern(&variant.value, depth, by));
                return Some(ways.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect());
            }
        };
        let name = match inline {
            InlineExpression::Placeable { expression } => return self.expression(expression, depth, by),
            InlineExpression::StringLiteral { value } => return Some(vec![vec![Piece { text: value, by }]]),
            InlineExpression::MessageReference { id, .. } => Some(Name { is_term: false, name: id.name }),
            InlineExpression::TermReference { id, .. } => Some(Name { is_term: true, name: id.name }),
            InlineExpression::NumberLiteral { .. }
            | InlineExpression::FunctionReference { .. }
            | InlineExpression::VariableReference { .. } => None,
        };
        match name.and_then(|name| Some((name, self.names.get(name)?))) {
            Some((name, pattern)) if depth < DEEP => {
                self.pattern(pattern, depth + 1, Some(by.unwrap_or(name.name)))
            }
            _ => Some(vec![vec![Piece { text: VALUE, by }]]),
        }
    }

    fn count(&mut self, pieces: usize) -> Option<()> {
        *self.left = self.left.checked_sub(pieces)?;
        Some(())
    }
}
