//! The life of an accepted text: its steps, and the callbacks that tell of them.

use super::fault::Fault;
use super::ledger::{SandboxText, ToldCallback};
use super::post::Post;
use super::{Shared, wire};
use std::sync::Arc;
use tokio::sync::watch;

/// One step: the status and the error it comes with.
type Step = (&'static str, Option<u32>);

/// Lets a text live in the background. It counts as busy from now on.
pub(super) fn begin(shared: &Arc<Shared>, sid: String, fault: Fault) -> tokio::task::JoinHandle<()> {
    let busy = Busy::new(shared);
    // From now on, so that no release is missed however late the life gets its turn.
    let released = shared.released.subscribe();
    tokio::spawn(async move {
        let shared = &busy.0;
        tokio::select! {
            () = live(shared, &sid, fault, released) => {}
            () = shared.until_stopped() => {}
        }
    })
}

/// Counts one life for as long as it lasts, however it ends.
struct Busy(Arc<Shared>);

impl Busy {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.busy.send_modify(|busy| *busy += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}

fn steps(fault: Fault, by_service: bool) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    if fault == Fault::StaysQueued {
        return steps;
    }
    if by_service {
        steps.push(("queued", None));
    }
    match fault {
        Fault::Failed(code) => steps.push(("failed", Some(code))),
        Fault::Undelivered(code) => steps.extend([("sent", None), ("undelivered", Some(code))]),
        Fault::NoReceipt => steps.push(("sent", None)),
        Fault::TwoEnds => steps.extend([("sent", None), ("undelivered", Some(30008)), ("delivered", None)]),
        _ => steps.extend([("sent", None), ("delivered", None)]),
    }
    steps
}

async fn live(shared: &Shared, sid: &str, fault: Fault, mut released: watch::Receiver<u64>) {
    let Some(by_service) = shared.ledger().text(sid).map(|text| text.service.is_some()) else { return };
    let mut told = Vec::new();
    for step in steps(fault, by_service) {
        if !shared.settings.step_delay.is_zero() {
            tokio::time::sleep(shared.settings.step_delay).await;
        }
        let Some(text) = take_step(shared, sid, step) else { return };
        match fault {
            Fault::CallbacksLost => {}
            Fault::CallbacksReversed => told.insert(0, (text, step)),
            Fault::CallbacksLate => told.push((text, step)),
            Fault::CallbacksTwice => {
                tell(shared, &text, step).await;
                tell(shared, &text, step).await;
            }
            _ => tell(shared, &text, step).await,
        }
    }
    if fault == Fault::CallbacksLate {
        tokio::select! {
            _ = released.changed() => {}
            () = tokio::time::sleep(shared.settings.late) => {}
        }
    }
    for (text, step) in told {
        tell(shared, &text, step).await;
    }
}

/// Moves a text on; `None` when it was canceled or deleted meanwhile.
fn take_step(shared: &Shared, sid: &str, (status, error_code): Step) -> Option<SandboxText> {
    let now = shared.now();
    let sender = super::messages::default_sender(&shared.settings);
    let moved = {
        let mut ledger = shared.ledger();
        let text = ledger.text(sid).filter(|text| text.status != "canceled")?;
        text.status = status;
        text.error_code = error_code;
        text.updated_at = now;
        if text.from.is_none() {
            text.from = Some(sender.to_owned());
        }
        if status == "sent" {
            text.sent_at = Some(now);
        }
        text.clone()
    };
    shared.has_changed();
    Some(moved)
}

/// Tells, in the background, that a text was canceled.
pub(super) fn tell_of_cancel(shared: &Arc<Shared>, text: SandboxText) {
    let busy = Busy::new(shared);
    tokio::spawn(async move { tell(&busy.0, &text, ("canceled", None)).await });
}

/// Tells of one step, if anybody wants to know.
async fn tell(shared: &Shared, text: &SandboxText, (status, error_code): Step) {
    let Some(url) = &text.status_callback else { return };
    let account = &shared.settings.account_sid;
    let posted = shared
        .poster
        .post(Post {
            url,
            params: &wire::status_params(account, text, status, error_code, shared.now()),
            token: &shared.settings.auth_token,
            idempotency_token: shared.sid("IT"),
            retry_delay: shared.settings.retry_delay,
        })
        .await;
    if let Some(text) = shared.ledger().text(&text.sid) {
        text.callbacks.push(ToldCallback { status, answer: posted.answer, tries: posted.tries });
    }
    shared.has_changed();
}
