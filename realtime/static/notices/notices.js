// The organisation's notices, on every page: what is recent and not dismissed here, and what comes in meanwhile.
import { keep, kept } from "chat/keep";
import "chat/signed_out";
import { socket } from "chat/socket";

const RECENT = 7 * 24 * 3600_000;
const AT_MOST = 3;

const region = document.querySelector("[data-notices]");
const template = document.querySelector("#notice");
const nameOf = ({ epoch, seq }) => `${epoch ?? ""}/${seq}`;
const dismissed = new Set(kept("dismissed"));

// The server tells the newest on every connect.
socket.addEventListener("notice", ({ detail }) => show(detail));

function show(notice) {
  if (Date.now() - new Date(notice.at) > RECENT) return;
  const name = nameOf(notice);
  const shown = region.querySelector(`[data-name="${CSS.escape(name)}"]`);
  if (shown || dismissed.has(name)) return;
  const element = template.content.firstElementChild.cloneNode(true);
  element.dataset.name = name;
  element.dataset.level = notice.level ?? "";
  element.querySelector(".notice-title").textContent = notice.title ?? "";
  element.querySelector(".notice-text").textContent = notice.message;
  element.querySelector("button").addEventListener("click", () => dismiss(element, name));
  region.prepend(element);
  [...region.children].slice(AT_MOST).forEach((surplus) => surplus.remove());
}

function dismiss(element, name) {
  element.remove();
  dismissed.add(name);
  keep("dismissed", [...dismissed].slice(-100));
}
