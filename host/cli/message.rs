//! `tidings message`: the story of a message in words, and its release.

use super::CliError;
use super::home::{Home, HomeError, now};
use crate::domain::id::MessageId;
use crate::domain::kind::TypeName;
use crate::service::{Story, release};
use chrono::SecondsFormat;
use clap::Subcommand;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum Message {
    /// Tell what happened to a message, in order and in words.
    #[command(after_help = "Example: tidings message show 019ab000-0000-7000-8000-000000000000")]
    Show {
        /// The message's id, from an answer of the API or a log line.
        id: MessageId,
        /// Show the text too; it is a patient's.
        #[arg(long)]
        text: bool,
    },
    /// Release a held message: it is judged again at once.
    #[command(after_help = "Example: tidings message retry 019ab000-0000-7000-8000-000000000000")]
    Retry {
        /// The message's id.
        id: MessageId,
    },
}

impl Message {
    pub(super) async fn run(
        self,
        home: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(), CliError> {
        let home = Home::open(home, environment)?;
        let store = home.store().await?;
        store.migrate().await.map_err(HomeError::from)?;
        match self {
            Self::Show { id, text } => {
                // Which policy a type has is worth a look; a broken plugin must not hide the story.
                let deciders = home.deciders().await.unwrap_or_default();
                let own = |kind: &TypeName| deciders.get(kind).cloned();
                let told = Story::read(&store, id, own)
                    .await
                    .map_err(|error| CliError::failed("the message could not be read", error))?
                    .ok_or_else(|| CliError::plain(format!("there is no message {id}")))?;
                if text {
                    super::audit::note(&store, "message show --text", &id.to_string()).await?;
                }
                print!("{}", in_words(&told, text));
            }
            Self::Retry { id } => {
                release(&store, id, now())
                    .await
                    .map_err(|error| CliError::failed("the message was not released", error))?;
                super::audit::note(&store, "message retry", &id.to_string()).await?;
                println!("released; a running host judges it again within a second");
            }
        }
        Ok(())
    }
}

fn in_words(story: &Story, with_text: bool) -> String {
    let message = &story.message;
    let to = story.phone.as_deref().unwrap_or("a number that is not known yet");
    let mut lines = vec![format!("{} to {to}: {}", message.kind, message.state.name())];
    if let Some(facts) = &message.text {
        lines.push(format!("{}, {} segments, {}", facts.locale_sent, facts.segments, facts.encoding.name()));
    }
    if let Some(text) = story.text.as_ref().filter(|_| with_text) {
        lines.push(format!("\"{text}\""));
    }
    lines.push(String::new());
    for line in story.in_words() {
        lines.push(format!("{}  {}", line.at.to_rfc3339_opts(SecondsFormat::Millis, true), line.text));
    }
    lines.join("\n") + "\n"
}
