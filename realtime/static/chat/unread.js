// What waits elsewhere: the number in the tab's title, and how often one is meant on the buttons that lead to the rooms.
import { nameOf, open } from "chat/names";
import { rooms } from "chat/states";

const MOST = 99; // shown as a number
const [heading, ...rest] = document.title.split(" · ");

export function showUnread() {
  rooms.addEventListener("change", show);
  rooms.addEventListener("gone", show);
  document.addEventListener("visibilitychange", show);
}

/** What is looked at right now is being read. */
export const isSeen = ({ room }) => room === open && !document.hidden;

/** How often this person is meant: in a conversation between two, by everything. */
export const meant = ({ kind, unread, mentions }) => (kind === "direct" ? unread : mentions);

export const counted = (number) => (number > MOST ? `${MOST}+` : `${number}`);

export function count(badge, number) {
  badge.hidden = number === 0;
  badge.querySelector("b").textContent = counted(number);
}

function show() {
  const waiting = rooms.own.filter((state) => !state.archived && !isSeen(state));
  const sum = (number) => waiting.reduce((all, state) => all + number(state), 0);
  const unread = sum((state) => state.unread);
  const title = [rooms.get(open) ? nameOf(rooms.get(open)) : heading, ...rest].join(" · ");
  document.title = unread ? `(${counted(unread)}) ${title}` : title;
  for (const badge of document.querySelectorAll("[data-all-mentions]")) count(badge, sum(meant));
}
