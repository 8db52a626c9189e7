//! Twilio's lists of texts, page after page.

use super::client::{TwilioClient, read_json};
use super::wire::{self, Page};
use super::{ListPage, LookUpError, MOST_PAGES};
use crate::domain::failure::ListedText;
use crate::domain::phone::PhoneNumber;
use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder};

/// Texts in a page.
const PAGE_SIZE: &str = "200";

impl TwilioClient {
    pub(super) async fn all_to(
        &self,
        to: &PhoneNumber,
        since: DateTime<Utc>,
    ) -> Result<Vec<ListedText>, LookUpError> {
        // Dates are compared here: how Twilio's filter treats a text that was not sent yet is not
        // documented, and just those are looked for. Its dates have no milliseconds.
        let since = since.timestamp();
        let mut texts = self.listed(("To", to.e164())).await?;
        texts.retain(|text| text.created_at.timestamp() >= since);
        Ok(texts)
    }

    /// One page of the texts to a number: the first, or the one at an address that the page before named.
    pub(super) async fn page_to(
        &self,
        to: &PhoneNumber,
        from: Option<&str>,
    ) -> Result<ListPage, LookUpError> {
        let request = match from {
            Some(next) => self.request(Method::GET, &self.next_page(next)?),
            None => self.first_page(("To", to.e164())),
        };
        self.page(request).await
    }

    /// Everything that a filter lets through, page after page.
    pub(super) async fn listed(&self, filter: (&str, &str)) -> Result<Vec<ListedText>, LookUpError> {
        let mut texts = Vec::new();
        let mut request = self.first_page(filter);
        for _ in 0..MOST_PAGES {
            let page = self.page(request).await?;
            texts.extend(page.texts);
            let Some(next) = page.next else { return Ok(texts) };
            request = self.request(Method::GET, &self.next_page(&next)?);
        }
        Err(LookUpError::Paging)
    }

    fn first_page(&self, filter: (&str, &str)) -> RequestBuilder {
        self.request(Method::GET, &self.messages()).query(&[filter, ("PageSize", PAGE_SIZE)])
    }

    async fn page(&self, request: RequestBuilder) -> Result<ListPage, LookUpError> {
        // An account without this address is a fault of the settings, never an empty list.
        let missing = || LookUpError::Refused(wire::error(404, &[]));
        let body = self.ask(request).await?.ok_or_else(missing)?;
        let page: Page = read_json(&body)?;
        let texts =
            page.messages.into_iter().map(|resource| resource.listed().ok_or(LookUpError::Unreadable));
        Ok(ListPage { texts: texts.collect::<Result<_, _>>()?, next: page.next_page_uri })
    }

    /// The address of a next page. It carries our credentials, so it stays on the configured host.
    fn next_page(&self, uri: &str) -> Result<String, LookUpError> {
        let path = uri.strip_prefix(self.base()).unwrap_or(uri);
        if path.starts_with("/2010-04-01/") {
            Ok(format!("{}{path}", self.base()))
        } else {
            Err(LookUpError::Paging)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::tests::client;
    use super::*;

    #[test]
    fn a_next_page_never_leaves_the_configured_host() {
        let client = client("http://127.0.0.1:9/");
        let here = "/2010-04-01/Accounts/AC1/Messages.json?Page=1";
        for uri in [here.to_owned(), format!("http://127.0.0.1:9{here}")] {
            assert_eq!(client.next_page(&uri).unwrap(), format!("http://127.0.0.1:9{here}"));
        }
        for uri in ["https://evil.example/2010-04-01/x", "//evil.example/2010-04-01/", "@evil.example/", ""] {
            assert!(matches!(client.next_page(uri), Err(LookUpError::Paging)), "{uri}");
        }
    }
}
