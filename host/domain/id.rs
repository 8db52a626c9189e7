//! Identifiers: UUIDs of version 7, one type for each kind of thing.

use chrono::{DateTime, Utc};
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier that sorts by its moment.
            pub fn new<R: Rng + ?Sized>(now: DateTime<Utc>, rng: &mut R) -> Self {
                Self(new_uuid(now, rng))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// One text to one recipient.
    MessageId,
    /// One fact that another system posted.
    EventId,
    /// What a policy answered, once.
    DecisionId,
    /// One call to the provider for one message.
    AttemptId,
    /// One inbound text.
    ReplyId,
    /// What a reply asks of the clinic's system.
    RequestId,
    /// One question back to a phone.
    QuestionId,
    /// One API key.
    KeyId,
    /// One running host process.
    HostId,
    /// One one-time code to be checked.
    ChallengeId,
    /// One line of the consent ledger.
    ConsentId,
    /// The certificate of one erasure.
    ErasureId,
    /// One address that the clinic's own systems listen at.
    EndpointId,
}

fn new_uuid<R: Rng + ?Sized>(now: DateTime<Utc>, rng: &mut R) -> Uuid {
    let chance: [u8; 10] = rng.random();
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid()
}
