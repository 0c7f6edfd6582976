// One message on the page: cloned from the server's own template, and filled with text. `html` alone is markup: the server
// has rendered and sanitised it.
import { localise } from "site/dates";
import { learn } from "chat/company";
import { paint } from "chat/person";
import { drawReactions, nameReactions } from "chat/reactions";

const template = document.querySelector("#message");
const part = (element, name) => element.querySelector(`.message-${name}`);
const me = document.body.dataset.userId;

export const seqOf = (element) => Number(element.dataset.seq || Infinity);
export const isMine = (element) => element.dataset.userId === me;
export const isDeleted = (element) => element.dataset.state === "deleted";
export const nameOn = (element) => part(element, "user").textContent;

/** Stored, and with words: what can be edited, deleted, answered. */
export const isThere = (element) => element.dataset.seq !== "" && !isDeleted(element);

/** The words as they were written. */
export const wordsOf = (element) => element.dataset.source ?? part(element, "text").textContent;

/** As a screen reader is to say it when the message is gone to. */
export function spoken(element) {
  const words = isDeleted(element) ? part(element, "state").textContent.trim() : part(element, "text").innerText;
  return `${nameOn(element)}, ${element.querySelector("time").textContent}: ${words}`;
}

export function draw(event) {
  const element = template.content.firstElementChild.cloneNode(true);
  part(element, "user").textContent = event.user;
  element.querySelector("time").dateTime = event.at;
  redraw(element, event);
  return dress(element);
}

/** Brings an element up to what the server says about its message: the whole of what can change. */
export function redraw(element, event) {
  element.dataset.userId = event.user_id ?? element.dataset.userId;
  element.dataset.clientId = event.client_id ?? element.dataset.clientId ?? "";
  if (event.seq) number(element, event);
  setWords(element, event);
  setEdited(element, event);
  drawReactions(element, event.reactions ?? []);
  mark(element, event.deleted ? "deleted" : "");
}

function setWords(element, { message, html, mentions, deleted }) {
  const text = part(element, "text");
  element.classList.toggle("is-rich", Boolean(html));
  if (html) {
    text.innerHTML = html;
    element.dataset.source = message;
  } else {
    text.textContent = deleted ? "" : message;
    delete element.dataset.source;
  }
  element.dataset.mentions = (mentions ?? []).join(" ");
  markMentions(element);
}

function setEdited(element, { edited, deleted }) {
  const line = part(element, "edited");
  line.hidden = !edited || Boolean(deleted);
  if (line.hidden) return;
  line.querySelector("time").dateTime = edited;
  localise(line.querySelector("time"));
}

// Who is meant should see it from afar.
function markMentions(element) {
  const { mentions } = element.dataset;
  element.classList.toggle("mentions-me", Boolean(mentions) && mentions.split(" ").includes(me));
  for (const mention of element.querySelectorAll(".mention")) {
    mention.classList.toggle("mention-me", mention.dataset.userId === me);
  }
}

function number(element, { room, seq, changed_seq: changed, at }) {
  element.dataset.seq = seq;
  element.dataset.changedSeq = changed ?? seq;
  part(element, "link").href = `${document.body.dataset.chatAt}${room}/${seq}/`;
  if (at && element.isConnected) {
    element.querySelector("time").dateTime = at;
    localise(element.querySelector("time"));
  }
}

/** Adds what only the reader's browser knows: local time, the face, who "I" am. */
export function dress(element) {
  localise(element.querySelector("time"));
  if (!part(element, "edited").hidden) localise(part(element, "edited").querySelector("time"));
  paint(element.querySelector(".avatar"), nameOn(element), element.dataset.userId);
  learn(element.dataset.userId, nameOn(element));
  markMentions(element);
  nameReactions(element);
  return element;
}

/** Shows that a message is pending, failed (with the reason), deleted, or nothing of all that. */
export function mark(element, state, reason = "") {
  element.dataset.state = state;
  const line = part(element, "state");
  const words = line.querySelector("span");
  line.hidden = !state;
  words.textContent = state ? `${words.dataset[state]} ${reason}`.trim() : "";
  for (const button of line.querySelectorAll("button")) button.hidden = state !== "failed";
}
