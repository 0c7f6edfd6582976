// Where words are written. Enter sends, Shift+Enter begins a line; what is not sent is kept as the room's draft.
import { everybody } from "chat/company";
import { keep, kept } from "chat/keep";
import { Mentions, suggest } from "chat/mentions";

export function compose(form, { room, send, typed, editLast }) {
  const words = form.elements.message;
  const draft = `draft:${room}`;
  let mentions = new Mentions();
  bringBack(kept(draft));
  form.querySelector("button").disabled = false;
  suggest(words, form.querySelector("[role=listbox]"), { add: (name, id) => mentions.add(name, id) });

  function bringBack(text) {
    if (text === null) return;
    words.value = text;
    if (text.includes("<@")) everybody().then(() => words.value === text && (words.value = mentions.readable(text)));
  }

  words.addEventListener("input", () => {
    keep(draft, words.value ? mentions.written(words.value) : null);
    typed(words.value);
  });

  words.addEventListener("keydown", (event) => {
    if (event.isComposing || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowUp" && words.value === "" && editLast()) event.preventDefault();
    if (event.key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!words.value.trim()) return;
    send(mentions.written(words.value), words.value);
    words.value = "";
    mentions = new Mentions();
    keep(draft, null);
    words.focus();
  });
}

/** A room may be closed to who writes, and opened again, while they look at it. Answers with whether it is open now. */
export function watchClosing(form, line, room, rooms) {
  const { archived, announcements, mayAnnounce } = line.dataset;

  function show({ archived: isArchived, announcements: announcesOnly }) {
    line.textContent = isArchived ? archived : announcesOnly && mayAnnounce !== "true" ? announcements : "";
    line.hidden = line.textContent === "";
    form.hidden = !line.hidden;
  }

  rooms.addEventListener("change", () => rooms.get(room) && show(rooms.get(room)));
  return { canWrite: () => line.hidden, isOpen: () => line.textContent !== archived };
}
