// Asks before it acts: what will happen, and why it is wanted. Then it shows what became of it, which only the desk
// knows: the outcome in the row of the command.

import { Refusal, ask, freshKey, tell } from "./api.js";
import { h, show } from "./dom.js";
import { number } from "./figures.js";
import * as live from "./live.js";
import { tag } from "./parts.js";

const LOOK_MILLISECONDS = 1000;

/**
 * `action` is {title, says, button, danger, path, body, fields}; `fields` are elements with a name, whose values join
 * the body. One that no desk carries out has, in place of path and body, `save`, which takes the reason, and `saved`,
 * which is said when it is done.
 */
export function offer(action) {
  const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title" });
  const key = freshKey();
  show(dialog, form(action));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    send(dialog, action, key, Object.fromEntries(new FormData(event.target)));
  });
  dialog.showModal();
}

function form(action) {
  return h(
    "form",
    { method: "dialog" },
    h("h2", { id: "ask-title" }, action.title),
    h(
      "ul",
      {},
      action.says.map((sentence) => h("li", {}, sentence)),
    ),
    action.fields ?? null,
    h(
      "label",
      { class: "field" },
      "Why",
      h("input", { name: "reason", required: true, maxlength: 200, autocomplete: "off" }),
    ),
    h("div", { "data-key": "said" }),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", "data-cancel": true }, "Do nothing"),
      h("button", { type: "submit", class: action.danger ? "danger" : "main" }, action.button),
    ),
  );
}

async function send(dialog, action, key, fields) {
  const button = dialog.querySelector("button[type=submit]");
  button.disabled = true;
  try {
    if (action.save) {
      await action.save(fields.reason);
      end(dialog, { status: "done", outcome: action.saved }, action);
    } else follow(dialog, action, await tell(action.path, { ...action.body, ...given(fields) }, key));
  } catch (fault) {
    if (!(fault instanceof Refusal)) throw fault;
    // The key stays: asked again, it is the same wish.
    button.disabled = false;
    show(
      dialog.querySelector("[data-key=said]"),
      h("p", { class: "outcome bad", role: "alert" }, fault.message),
    );
  }
}

function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

function end(dialog, row, action) {
  show(dialog, outcome(action, row));
  const button = dialog.querySelector("[data-cancel]");
  button.addEventListener("click", () => dialog.close());
  button.focus();
}

/** Until the desk has said what became of it; the reader may close before that. */
function follow(dialog, action, command) {
  let stop = () => {};
  const draw = (row) => {
    show(dialog, outcome(action, row));
    dialog.querySelector("[data-cancel]")?.addEventListener("click", () => dialog.close());
    if (row.status !== "pending") stop();
  };
  const look = async () => {
    try {
      draw(await ask(`/commands/${command.command_id}`));
    } catch (fault) {
      if (!(fault instanceof Refusal)) throw fault;
    }
  };
  const timer = setInterval(look, LOOK_MILLISECONDS);
  const unlisten = live.listen(() => {
    const row = live.held.commands.get(command.command_id);
    if (row) draw(row);
  });
  stop = () => {
    clearInterval(timer);
    unlisten();
  };
  dialog.addEventListener("close", stop);
  draw(command);
  dialog.querySelector("[data-cancel]").focus();
}

function outcome(action, row) {
  const said = {
    pending: "Written down. The desk carries it out at its next tick; if it is down, when it is back.",
    done: row.outcome || "Done.",
    refused: row.outcome || "Refused.",
  }[row.status];
  return h(
    "div",
    { class: "inside", "data-key": "outcome" },
    h("h2", { id: "ask-title" }, action.title),
    h("p", { class: "outcome", role: "status" }, tag(row.status), " ", said),
    h("div", { class: "row" }, h("button", { type: "button", "data-cancel": true }, "Close")),
  );
}

// What each action says before it is taken.

export function ofUser(isEnabled, save) {
  return isEnabled
    ? {
        title: "Begin nothing new on any bot?",
        says: [
          "From their next tick on none of your bots takes new risk.",
          "Exits go on; what rests at the venues stays there, and what is held stays held.",
          "To resume, enable or reset a bot is refused until new risk is allowed again.",
        ],
        button: "Begin nothing new",
        danger: true,
        save: (reason) => save({ enabled: false, reason }),
        saved: "Written down. Each desk heeds it at its next tick.",
      }
    : {
        title: "Allow new risk again?",
        says: [
          "From their next tick on your bots take new risk again, those that run and are enabled.",
          "Nothing is resumed or enabled by it.",
        ],
        button: "Allow new risk",
        save: (reason) => save({ enabled: true, reason }),
        saved: "Written down. Each desk heeds it at its next tick.",
      };
}

export function ofWishes(sentences, save) {
  return {
    title: "Change what holds for all bots?",
    says: ["It holds from the next tick of each bot on.", ...sentences],
    button: "Change",
    save,
    saved: "Written down. Each desk heeds it at its next tick.",
  };
}

export function ofBot(bot, verb) {
  const asked = {
    pause: {
      title: `Pause ${bot.name}?`,
      says: [
        "It takes no new decisions from its next tick on.",
        "Its resting orders stay at the venue, and what it holds stays held.",
        `It is asked of the desk of ${bot.account}; it goes on only when somebody resumes it.`,
      ],
      button: "Pause",
    },
    resume: {
      title: `Resume ${bot.name}?`,
      says: [
        "It decides and trades again from its next tick on.",
        ...(bot.state === "halted" ? [`It was halted: ${bot.state_reason}`] : []),
      ],
      button: "Resume",
    },
    flatten: {
      title: `Flatten ${bot.name}?`,
      says: [
        "It is paused.",
        "Its resting orders are cancelled.",
        "What it holds is closed at the market, at whatever price that gives.",
      ],
      button: "Flatten",
      danger: true,
    },
    enable: {
      title: `Enable ${bot.name}?`,
      says: ["It may trade again, in the state in which it was."],
      button: "Enable",
    },
    disable: {
      title: `Disable ${bot.name}?`,
      says: [
        "It trades no more, through restarts and deploys, until somebody enables it.",
        "What it holds stays held.",
      ],
      button: "Disable",
      danger: true,
    },
    reset: {
      title: `Reset ${bot.name}?`,
      says: [
        "It forgets what its strategy and its components remembered, and its breaker; the audit log keeps them.",
        "Orders, fills, positions and trades stay as they are.",
        "Then it runs.",
      ],
      button: "Reset",
      danger: true,
    },
  }[verb];
  return { ...asked, path: `/bots/${bot.bot_id}/${verb}` };
}

export function ofQuarantine(item, verb, bots) {
  const what = `${item.kind} ${item.venue_id}`;
  const asked = {
    adopt: {
      title: `Adopt ${what}?`,
      says: [
        "The order and all its fills become a bot's, as if it had sent them.",
        "Its position and its trades are counted anew with them.",
      ],
      button: "Adopt",
      fields: h(
        "label",
        { class: "field" },
        "Whose it becomes",
        h(
          "select",
          { name: "bot_id", required: true },
          bots.map((bot) => h("option", { value: bot.bot_id }, bot.name)),
        ),
      ),
    },
    ignore: {
      title: `Ignore ${what}?`,
      says: [
        "It stays at the venue and is nobody's here.",
        "What it moves on the account is taken off every later comparison.",
      ],
      button: "Ignore",
    },
    close: {
      title: `Close ${what}?`,
      says: [
        "The foreign order is cancelled at the venue, if it rests there still.",
        "What was filled of it stays; that is decided on its own.",
      ],
      button: "Close it",
      danger: true,
    },
  }[verb];
  return {
    ...asked,
    path: `/quarantine/${verb}`,
    body: { account_id: item.account_id, venue_id: item.venue_id },
  };
}

export function ofOrder(order) {
  return {
    title: `Cancel ${order.side} ${number(order.quantity)} ${order.symbol}?`,
    says: [
      "The desk asks the venue to take it back; what was filled until then stays filled.",
      ...(order.status === "unknown"
        ? [
            "It is UNKNOWN. If you looked at the venue and it is gone, name the venue's id below: it then counts as cancelled.",
          ]
        : []),
    ],
    button: "Cancel the order",
    danger: true,
    fields:
      order.status === "unknown" && order.venue_order_id
        ? h(
            "label",
            { class: "field" },
            "Venue's id, if you looked there and it is gone",
            h("input", { name: "venue_id", autocomplete: "off" }),
          )
        : null,
    path: `/orders/${order.order_id}/cancel`,
  };
}
