//! Putting a plan together.

use crate::{Event, MessagePlan, PassedOver, PlannedMessage, Reason, Recipient, Role, reason};

impl MessagePlan {
    /// Nothing, which is also how messages planned for an older version of the subject are canceled.
    #[must_use]
    pub fn empty() -> Self {
        Self { messages: Vec::new(), passed_over: Vec::new() }
    }

    /// Plans this message, unless its moment has passed: then it is passed over, and says so.
    pub fn add(&mut self, event: &Event, message: PlannedMessage) {
        if message.send_at >= event.now {
            self.messages.push(message);
            return;
        }
        let why = reason("moment-passed", "Its moment had passed before the event was known.")
            .moment("send-at", message.send_at)
            .moment("now", event.now);
        self.pass_over(&message.key, &message.message_type, &message.to, why);
    }

    /// Says why a message that could be expected is not planned.
    pub fn pass_over(&mut self, key: &str, message_type: &str, to: &str, why: Reason) {
        self.passed_over.push(PassedOver {
            key: key.to_owned(),
            message_type: message_type.to_owned(),
            to: to.to_owned(),
            why,
        });
    }
}

/// The reason of a message that cannot be planned without this moment.
#[must_use]
pub fn lacks_moment(key: &str) -> Reason {
    reason("no-moment", format!("The event says no moment `{key}`.")).fact("missing", key)
}

impl Event {
    /// The event's people in this role.
    pub fn people_who_are(&self, role: Role) -> impl Iterator<Item = &Recipient> {
        self.people.iter().filter(move |person| person.role == role)
    }

    /// Whether it is of this type: `appointment.booked`.
    #[must_use]
    pub fn is(&self, event_type: &str) -> bool {
        self.event_type == event_type
    }
}
