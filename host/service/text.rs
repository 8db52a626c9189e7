//! The text of a message: as it goes out, and as it is kept.

use super::Host;
use super::judge::Facts;
use super::otp::words_of_verify;
use crate::domain::message::{Message, TextFacts};
use crate::domain::recipient::Recipient;
use crate::render::{Catalogue, Links, RenderRequest, Rendered};
use std::collections::BTreeMap;

impl Host {
    /// In the language that was asked for, or the recipient's.
    pub(super) fn language_for<'a>(&'a self, message: &'a Message, recipient: &'a Recipient) -> &'a str {
        message.language.as_deref().unwrap_or_else(|| self.language_of(recipient))
    }

    /// The text as it goes out, and as it is kept: without its secrets. Whoever asks for several takes all of
    /// them from one catalogue: an edit in between would keep words that were never sent.
    pub(super) fn render_text(
        &self,
        words: &Catalogue,
        message: &Message,
        recipient: &Recipient,
        variables: &BTreeMap<String, crate::domain::value::Value>,
        redact_secrets: bool,
    ) -> Result<Rendered, crate::render::RenderError> {
        let links = self.short_links(message.id, variables);
        words.render(&RenderRequest {
            kind: &message.kind,
            language: self.language_for(message, recipient),
            time_zone: self.zone_of(recipient),
            discretion: recipient.preferences.discretion,
            variables,
            redact_secrets,
            links: Links::Short(&links),
        })
    }

    pub(super) fn render(
        &self,
        message: &Message,
        facts: &Facts,
        variables: &BTreeMap<String, crate::domain::value::Value>,
    ) -> Result<(Rendered, String), crate::render::RenderError> {
        if let Some(verifying) = &facts.verifying {
            return Ok(words_of_verify(verifying, self.language_for(message, &facts.recipient)));
        }
        let text = self.render_text(&facts.words, message, &facts.recipient, variables, false)?;
        let has_secrets = facts.kind.variables.values().any(|variable| variable.secret);
        let kept = if has_secrets {
            self.render_text(&facts.words, message, &facts.recipient, variables, true)?.text
        } else {
            text.text.clone()
        };
        Ok((text, kept))
    }

    /// A rendered text's figures, with its estimated price.
    #[must_use]
    pub(super) fn text_facts(&self, rendered: &Rendered) -> TextFacts {
        TextFacts {
            locale_asked: rendered.locale_asked.clone(),
            locale_sent: rendered.locale_sent.clone(),
            fallback: rendered.fallback.clone(),
            encoding: rendered.segments.encoding,
            segments: rendered.segments.parts,
            cost_micros: self.settings.price_per_segment_micros * i64::from(rendered.segments.parts),
        }
    }
}
