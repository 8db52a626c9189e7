// {{summary}}
//
// Every question is asked in a fresh instance, `configure` first. All facts are in the question: the clock
// stands at its `now`, and random numbers are the same every time. Moments are BigInts of milliseconds.
// The contract with all its records is in ../wit/tidings-policy.wit; names are in camelCase here.

const DEFAULTS = { on_sundays: false };

let settings = DEFAULTS;

const policy = {
  describe: () => ({
    name: "{{name}}",
    version: "0.1.0",
    summary: "{{summary}}",
    messageTypes: ["{{type}}"],
    events: [],
    inputs: [],
    answers: [],
    settingsSchema: JSON.stringify({
      type: "object",
      additionalProperties: false,
      properties: {
        on_sundays: { type: "boolean", default: false, description: "Whether texts go out on Sundays." },
      },
    }),
  }),

  configure: (json) => {
    settings = { ...DEFAULTS, ...JSON.parse(json) };
  },

  plan: (_event) => ({ messages: [], passedOver: [] }),

  decide: (c) => {
    if (c.to.local.weekday === 7 && !settings.on_sundays) {
      return suppress(reason("sunday", "The clinic does not write on Sundays.", fact("time-zone", c.to.timeZone)));
    }
    return send(reason("ok", "Nothing speaks against sending it now.", moment("now", c.now)));
  },

  onFailure: (a) => giveUp(reason("no-retries", "It is not sent a second time.", moment("failed-at", a.failedAt))),

  onReply: (m) => handToStaff(reason("for-staff", "Somebody should read this.", moment("received-at", m.receivedAt))),
};

// The answers of the contract.
const send = (val) => ({ tag: "send", val });
const suppress = (val) => ({ tag: "suppress", val });
const giveUp = (val) => ({ tag: "give-up", val });
const handToStaff = (val) => ({ tag: "hand-to-staff", val });

// Why: a code for counting, a sentence for staff, and the facts that settled it.
const reason = (code, text, ...facts) => ({ code, text, facts });
const fact = (key, text) => ({ key, value: { tag: "text", val: text } });
const moment = (key, at) => ({ key, value: { tag: "moment", val: at } });

// An exception would end in a trap that says nothing; a thrown text reaches the host as a sentence.
const spoken = (answer) => (question) => {
  try {
    return answer(question);
  } catch (error) {
    throw typeof error === "string" ? error : String(error);
  }
};

const asked = Object.entries(policy).map(([name, answer]) => [name, name === "describe" ? answer : spoken(answer)]);
const exported = Object.fromEntries(asked);
export { exported as policy };
