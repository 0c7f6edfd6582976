// Who is online: a dot beside people (`data-presence` holds whose), and how many in the bar.
import { call } from "chat/rest";
import { socket } from "chat/socket";

let online = new Set();
let count = null;

export const isOnline = (id) => online.has(Number(id));

export function paintPresence(root = document) {
  for (const dot of root.querySelectorAll("[data-presence]")) dot.classList.toggle("online", isOnline(dot.dataset.presence));
}

export function showPresence() {
  socket.addEventListener("welcome", ({ detail }) => begin(detail));
  socket.addEventListener("presence", ({ detail }) => hear(detail));
  socket.addEventListener("state", ({ detail }) => detail.state === "offline" && forget());
}

function begin(welcome) {
  online = new Set(welcome.online);
  count = welcome.online_count ?? null;
  show();
  if (!welcome.online) askAboutTheRoom();
}

function hear({ count: now, joined, left }) {
  if (!joined) online = new Set(); // too many to be named
  for (const id of joined ?? []) online.add(id);
  for (const id of left ?? []) online.delete(id);
  count = now;
  show();
}

// What is not heard any more is not known any more.
function forget() {
  online = new Set();
  count = null;
  show();
}

// Guests, and people of large organisations, are told about one room at a time.
async function askAboutTheRoom() {
  const room = document.querySelector("main[data-room]")?.dataset.room;
  if (!room) return;
  try {
    online = new Set((await call("GET", `rooms/${encodeURIComponent(room)}/presence`)).online);
    paintPresence();
  } catch {
    // dots are not worth a sentence
  }
}

function show() {
  paintPresence();
  const line = document.querySelector("[data-online]");
  line.hidden = count === null;
  line.textContent = count > 1 ? line.dataset.many.replace("{count}", count.toLocaleString()) : line.dataset.one;
}
