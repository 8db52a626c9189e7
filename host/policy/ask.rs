//! The four questions. Each answer is checked before anybody sees it.

use super::fault::Cause;
use super::load::Loaded;
use super::run::{Asked, Cost, Runtime, Session};
use super::wasi::Basis;
use super::{Policies, answer, convert};
use crate::domain::policy::{
    Answered, Answerer, Blame, DecideQuestion, Decision, FailureQuestion, Plan, PlanQuestion, PolicyFault,
    Reason, ReplyAction, ReplyQuestion, RetryDecision, UnixMs,
};
use crate::measure;
use tracing::Instrument as _;

impl Policies {
    /// Which messages follow from this event?
    ///
    /// # Errors
    ///
    /// The policy gave no answer, or none that may be given.
    pub async fn plan(
        &self,
        loaded: &Loaded,
        question: &PlanQuestion,
    ) -> Result<Answered<Plan>, PolicyFault> {
        let answered = measured(loaded, "plan", self.runtime.plan(loaded, question)).await;
        self.noted(loaded, &question.id, question.now, answered).await
    }

    /// Does this message go out now?
    ///
    /// # Errors
    ///
    /// The policy gave no answer, or none that may be given.
    pub async fn decide(
        &self,
        loaded: &Loaded,
        question: &DecideQuestion,
    ) -> Result<Answered<Decision>, PolicyFault> {
        let answered = measured(loaded, "decide", self.runtime.decide(loaded, question)).await;
        self.noted(loaded, &question.message.id, question.now, answered).await
    }

    /// Does another attempt follow?
    ///
    /// # Errors
    ///
    /// The policy gave no answer, or none that may be given.
    pub async fn on_failure(
        &self,
        loaded: &Loaded,
        question: &FailureQuestion,
    ) -> Result<Answered<RetryDecision>, PolicyFault> {
        let answered = measured(loaded, "on-failure", self.runtime.on_failure(loaded, question)).await;
        self.noted(loaded, &question.message.id, question.now, answered).await
    }

    /// What does this text mean?
    ///
    /// # Errors
    ///
    /// The policy gave no answer, or none that may be given.
    pub async fn on_reply(
        &self,
        loaded: &Loaded,
        question: &ReplyQuestion,
    ) -> Result<Answered<ReplyAction>, PolicyFault> {
        let answered = measured(loaded, "on-reply", self.runtime.on_reply(loaded, question)).await;
        let about = question.in_reply_to.as_ref().map_or("", |message| message.id.as_str());
        self.noted(loaded, about, question.now, answered).await
    }

    /// Counts a fault of the policy's own, and steps back to the version before when they repeat.
    async fn noted<T>(
        &self,
        loaded: &Loaded,
        about: &str,
        now: UnixMs,
        answered: Result<Answered<T>, PolicyFault>,
    ) -> Result<Answered<T>, PolicyFault> {
        if let Err(fault) = &answered
            && fault.blame == Blame::Policy
            && loaded.health.fault(fault.code, about, now)
        {
            self.roll_back(loaded).await;
        }
        answered
    }
}

impl Runtime {
    pub(super) async fn plan(&self, loaded: &Loaded, question: &PlanQuestion) -> Result<Asked<Plan>, Cause> {
        let event = loaded.inputs.event(question);
        let basis = Basis::new(question.now, &question.id);
        let asked =
            ready(self, loaded, basis).await?.ask(loaded.limits.fuel, &loaded.exports.plan, &event).await?;
        checked(asked, convert::plan, |plan| {
            answer::plan(plan, question, &loaded.description, &loaded.limits)
        })
    }

    pub(super) async fn decide(
        &self,
        loaded: &Loaded,
        question: &DecideQuestion,
    ) -> Result<Asked<Decision>, Cause> {
        if self.sends_all {
            let why =
                Reason { code: "ok".to_owned(), text: "Nothing is asked.".to_owned(), facts: Vec::new() };
            return Ok(Asked { answer: Decision::Send { why }, log: Vec::new(), cost: Cost::default() });
        }
        let context = loaded.inputs.decide_context(question);
        let basis = Basis::new(question.now, &question.message.id);
        let asked = ready(self, loaded, basis)
            .await?
            .ask(loaded.limits.fuel, &loaded.exports.decide, &context)
            .await?;
        checked(asked, convert::decision, |decision| answer::decision(decision, question, &loaded.limits))
    }

    pub(super) async fn on_failure(
        &self,
        loaded: &Loaded,
        question: &FailureQuestion,
    ) -> Result<Asked<RetryDecision>, Cause> {
        let attempt = loaded.inputs.failed_attempt(question);
        let basis = Basis::new(question.now, &question.message.id);
        let asked = ready(self, loaded, basis)
            .await?
            .ask(loaded.limits.fuel, &loaded.exports.on_failure, &attempt)
            .await?;
        checked(asked, convert::retry_decision, |decision| {
            answer::retry_decision(decision, question, &loaded.limits)
        })
    }

    pub(super) async fn on_reply(
        &self,
        loaded: &Loaded,
        question: &ReplyQuestion,
    ) -> Result<Asked<ReplyAction>, Cause> {
        let inbound = loaded.inputs.inbound(question);
        let basis = Basis::new(question.now, &question.text);
        let asked = ready(self, loaded, basis)
            .await?
            .ask(loaded.limits.fuel, &loaded.exports.on_reply, &inbound)
            .await?;
        checked(asked, convert::reply_action, |action| answer::reply_action(action, &loaded.description))
    }
}

/// A fresh instance that has its settings.
async fn ready<'a>(runtime: &'a Runtime, loaded: &'a Loaded, basis: Basis) -> Result<Session<'a>, Cause> {
    let mut session = Session::open(runtime, &loaded.exports, &loaded.limits, basis).await?;
    session.configure(&loaded.settings).await?;
    Ok(session)
}

fn checked<Wire, T>(
    asked: Asked<Wire>,
    convert: impl FnOnce(Wire) -> T,
    check: impl FnOnce(&T) -> Result<(), String>,
) -> Result<Asked<T>, Cause> {
    let Asked { answer, log, cost } = asked;
    let answer = convert(answer);
    match check(&answer) {
        Ok(()) => Ok(Asked { answer, log, cost }),
        Err(rule) => Err(Cause { fuel: cost.fuel, log, ..Cause::policy("invalid-answer", rule) }),
    }
}

async fn measured<T>(
    loaded: &Loaded,
    question: &'static str,
    asking: impl Future<Output = Result<Asked<T>, Cause>>,
) -> Result<Answered<T>, PolicyFault> {
    let began = tokio::time::Instant::now();
    let span =
        tracing::info_span!(target: measure::SPANS, "policy", policy = loaded.description.name, question);
    let asked = asking.instrument(span).await;
    let fuel = asked.as_ref().map(|asked| asked.cost.fuel).map_err(|cause| cause.code);
    measure::policy_asked(&loaded.description.name, question, began.elapsed(), fuel);
    settle(loaded, question, asked)
}

pub(super) fn settle<T>(
    loaded: &Loaded,
    question: &'static str,
    asked: Result<Asked<T>, Cause>,
) -> Result<Answered<T>, PolicyFault> {
    match asked {
        Ok(Asked { answer, log, cost }) => {
            Ok(Answered { answer, by: Answerer { fuel: cost.fuel, log, ..loaded.answerer() } })
        }
        Err(Cause { code, text, blame, fuel, log }) => Err(PolicyFault {
            by: Box::new(Answerer { fuel, log, ..loaded.answerer() }),
            question,
            code,
            text,
            blame,
        }),
    }
}
