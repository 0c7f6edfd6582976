// Keys for the whole page. In a field the keys belong to the field: there only Ctrl+K works, and, while it is empty, what
// an empty field has no use for. Single keys can be switched off, for whoever speaks to the computer.
import { keep, kept } from "chat/keep";
import { addressOf, current, open } from "chat/names";
import { rooms } from "chat/states";
import { socket } from "chat/socket";
import { openSwitcher } from "chat/switcher";

const dialog = document.querySelector("#shortcuts");
const box = dialog.querySelector("[data-single-keys]");

export function watchKeys() {
  box.checked = kept("single-keys") !== false;
  box.addEventListener("change", () => keep("single-keys", box.checked));
  document.addEventListener("keydown", (event) => event.defaultPrevented || event.isComposing || press(event));
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => ({ switcher: openSwitcher, shortcuts: openShortcuts })[button.dataset.opens]());
  }
}

export function openShortcuts() {
  for (const menu of document.querySelectorAll("[popover]:popover-open")) menu.hidePopover();
  if (!dialog.open) dialog.showModal();
}

function press(event) {
  const what = meaning(event);
  if (!what) return;
  event.preventDefault();
  what();
}

function meaning({ key, altKey, ctrlKey, metaKey, shiftKey, target }) {
  if (key.toLowerCase() === "k" && (ctrlKey || metaKey) && !altKey && !shiftKey) return openSwitcher;
  if (ctrlKey || metaKey || document.querySelector("dialog[open], [popover]:popover-open")) return null;
  const field = target.closest("input, textarea, select, [contenteditable]");
  if (field && (field.id !== "words" || field.value !== "")) return null;
  if (altKey) return { ArrowDown: () => step(1, shiftKey), ArrowUp: () => step(-1, shiftKey) }[key];
  if (key === "Escape") return open && markRead;
  if (field || !box.checked) return null;
  if (key === "?") return openShortcuts;
  const words = document.querySelector("#words");
  return key === "/" && words ? () => words.focus() : null;
}

// In the order of the list, round and round.
function step(by, unreadOnly) {
  const links = [...document.querySelectorAll("[data-rooms] [data-room]")].map(({ dataset }) => dataset.room);
  const order = links.length ? links : rooms.own.map(({ room }) => room);
  const start = Math.max(order.indexOf(current), by > 0 ? -1 : 0);
  for (let tried = 1; tried <= order.length; tried++) {
    const room = order.at((start + by * tried) % order.length);
    const fits = unreadOnly ? rooms.get(room)?.unread > 0 : true;
    if (room !== current && fits) return location.assign(addressOf(room));
  }
}

function markRead() {
  const state = rooms.get(open);
  if (state) socket.tell({ do: "read", room: open, seq: state.seq });
}
