//! `link(url)` in a template: a short link in place of an address. The links were made by whoever asked
//! for the text; here they are only looked up.

use super::clean;
use super::{Links, RenderRequest};
use crate::domain::value::Value as Given;
use minijinja::value::{Object, ObjectRepr, Value, from_args};
use minijinja::{Error, ErrorKind, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// As long as a link on a clinic's own domain is.
const STAND_IN: &str = "https://sms.clinic.example/l/0123456789abcdef";

/// `link` in a template.
#[derive(Debug)]
pub(super) struct Linker(BTreeMap<String, String>);

impl Linker {
    /// For one text. Addresses are known by what a template sees of them.
    pub(super) fn new(request: &RenderRequest<'_>) -> Self {
        let addresses = request.variables.values().filter_map(|value| match value {
            Given::Url(address) => Some(address),
            Given::Text(_) | Given::Time(_) | Given::Money(_) | Given::Number(_) => None,
        });
        let links = addresses.map(|address| {
            let seen = clean::clean_address(address);
            let link = match request.links {
                Links::StandIn => STAND_IN.to_owned(),
                Links::Short(links) => links.get(address).cloned().unwrap_or_else(|| seen.clone()),
            };
            (seen, link)
        });
        Self(links.collect())
    }
}

impl Object for Linker {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (address,): (String,) = from_args(args)?;
        let link = self.0.get(&address).cloned();
        link.map(Value::from)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "link() takes a variable of type `url`"))
    }
}
