"""{{summary}}

Every question is asked in a fresh instance, `configure` first. All facts are in the question: the clock
stands at its `now`, and random numbers are the same every time. Moments are milliseconds since 1970.
The contract with all its records is in ../wit/tidings-policy.wit; names are in snake_case here.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import types

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "on_sundays": {
            "type": "boolean",
            "default": False,
            "description": "Whether texts go out on Sundays.",
        },
    },
}

settings = {"on_sundays": False}


def reason(code: str, text: str, **facts: types.Value) -> types.Reason:
    """Why: a code for counting, a sentence for staff, and the facts that settled it."""
    return types.Reason(code, text, [types.Fact(key.replace("_", "-"), value) for key, value in facts.items()])


def spoken(answer):
    """An exception would end in a trap that says nothing; this one reaches the host as a sentence."""

    def ask(self, question):
        try:
            return answer(self, question)
        except Exception as error:
            raise Err(f"{type(error).__name__}: {error}") from None

    return ask


class Policy(exports.Policy):
    def describe(self) -> types.Description:
        return types.Description(
            name="{{name}}",
            version="0.1.0",
            summary="{{summary}}",
            message_types=["{{type}}"],
            events=[],
            inputs=[],
            answers=[],
            settings_schema=json.dumps(SCHEMA),
        )

    @spoken
    def configure(self, text: str) -> None:
        settings.update(json.loads(text))

    @spoken
    def plan(self, event: types.Event) -> types.MessagePlan:
        return types.MessagePlan(messages=[], passed_over=[])

    @spoken
    def decide(self, c: types.DecideContext) -> types.Decision:
        if c.to.local.weekday == 7 and not settings["on_sundays"]:
            zone = types.Value_Text(c.to.time_zone)
            return types.Decision_Suppress(reason("sunday", "The clinic does not write on Sundays.", time_zone=zone))
        now = types.Value_Moment(c.now)
        return types.Decision_Send(reason("ok", "Nothing speaks against sending it now.", now=now))

    @spoken
    def on_failure(self, a: types.FailedAttempt) -> types.RetryDecision:
        at = types.Value_Moment(a.failed_at)
        return types.RetryDecision_GiveUp(reason("no-retries", "It is not sent a second time.", failed_at=at))

    @spoken
    def on_reply(self, m: types.Inbound) -> types.ReplyAction:
        at = types.Value_Moment(m.received_at)
        return types.ReplyAction_HandToStaff(reason("for-staff", "Somebody should read this.", received_at=at))
