// The list of rooms: in sections, with what is unread, and the head of the page for the room that is open.
import { sayLater } from "chat/later";
import { addressOf, current, nameOf } from "chat/names";
import { paintPresence } from "chat/presence";
import { rooms } from "chat/states";
import { count, isSeen, meant } from "chat/unread";

const SECTIONS = { public: "public", private: "private", direct: "conversations", group: "conversations" };

let list;
const linkOf = (room) => list.querySelector(`[data-room="${CSS.escape(room)}"]`);
const sectionOf = ({ archived, kind }) => (archived ? "archived" : SECTIONS[kind]);
const calledIn = (item) => item.querySelector(".room-name").textContent;

export function showRooms(aside) {
  list = aside;
  rooms.addEventListener("change", ({ detail }) => (detail ? show(detail) : showAll()));
  rooms.addEventListener("gone", ({ detail }) => lose(detail));
  document.addEventListener("visibilitychange", () => rooms.get(current) && show(rooms.get(current)));
}

function showAll() {
  for (const link of list.querySelectorAll("[data-room]")) if (!rooms.get(link.dataset.room)) remove(link);
  rooms.own.forEach(show);
}

function show(state) {
  const link = linkOf(state.room) ?? draw(state);
  link.querySelector(".room-name").textContent = nameOf(state);
  count(link.querySelector("[data-mentions]"), isSeen(state) ? 0 : meant(state));
  count(link.querySelector("[data-unread]"), isSeen(state) || state.kind === "direct" ? 0 : state.unread);
  place(link.closest("li"), sectionOf(state));
  if (state.room === current) showHead(state);
}

function draw(state) {
  const item = list.querySelector("#room-link").content.firstElementChild.cloneNode(true);
  const link = item.querySelector("a");
  link.dataset.room = state.room;
  link.dataset.kind = state.kind;
  link.href = addressOf(state.room);
  if (state.room === current) link.setAttribute("aria-current", "page");
  link.querySelector(".room-mark").replaceChildren(markOf(state));
  return link;
}

/** The sign of a room: what kind it is, or whether the other is online. */
function markOf({ kind, people }) {
  const mark = kind === "direct" && people.length === 0 ? "oneself" : kind;
  const copy = list.querySelector(`[data-mark="${mark}"]`).content.cloneNode(true);
  for (const dot of copy.querySelectorAll("[data-presence]")) dot.dataset.presence = people[0].user_id;
  paintPresence(copy);
  return copy;
}

function place(item, where) {
  const before = item.closest("[data-section]");
  const section = list.querySelector(`[data-section="${where}"]`);
  const others = [...section.querySelector("ul").children].filter((other) => other !== item);
  const next = others.find((other) => calledIn(other).localeCompare(calledIn(item)) > 0) ?? null;
  if (before === section && item.nextElementSibling === next) return;
  section.querySelector("ul").insertBefore(item, next);
  fold(section);
  if (before) fold(before);
}

function fold(section) {
  const empty = section.querySelector("ul").childElementCount === 0;
  section.hidden = empty && !("always" in section.dataset);
}

function remove(link) {
  const section = link.closest("[data-section]");
  link.closest("li").remove();
  fold(section);
}

function lose(state) {
  const link = linkOf(state.room);
  if (link) remove(link);
  if (state.room !== current) return;
  sayLater(list.dataset.gone.replace("{room}", () => nameOf(state)));
  location.assign(list.dataset.goneTo);
}

function showHead(state) {
  for (const title of document.querySelectorAll("[data-room-title]")) title.textContent = nameOf(state);
  for (const topic of document.querySelectorAll("[data-room-topic]")) {
    topic.textContent = state.topic;
    topic.hidden = !state.topic;
  }
}
