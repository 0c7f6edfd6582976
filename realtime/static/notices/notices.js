// The organisation's notices, on every page: a strip for those that wait for somebody, a dialog for urgent ones, a count
// in the bar. The server tells the newest on every connect, and before them what this person has done with them.
import { keep, kept } from "chat/keep";
import "chat/signed_out";
import { socket } from "chat/socket";
import { note, unwatch, watch } from "notices/receipts";
import { closeUrgent, showUrgent } from "notices/urgent";

const RECENT = 7 * 24 * 3600_000;
const AT_MOST = 3;
const UNDO = 15_000; // ms that the page offers it; the list of notices does for five minutes
const LONGEST = 24 * 3600_000; // of a timer: longer ones fire at once

const region = document.querySelector("[data-notices]");
const template = document.querySelector("#notice");
const undo = document.querySelector("[data-undo]");
const badges = document.querySelectorAll("[data-unread-notices]");

const dismissed = new Set(kept("dismissed"));
const live = new Map(); // by number
const seen = new Set();
const acknowledged = new Set();
let unread = 0;
let undoing;

socket.addEventListener("receipts", ({ detail }) => {
  if (detail.unread !== undefined) unread = detail.unread;
  else unread = Math.max(0, unread - (detail.seen ?? []).filter((seq) => !seen.has(seq)).length);
  for (const seq of detail.seen ?? []) seen.add(seq);
  for (const seq of detail.acknowledged ?? []) acknowledged.add(seq);
  for (const seq of detail.unacknowledged ?? []) acknowledged.delete(seq);
  draw();
});

socket.addEventListener("notice", ({ detail: notice }) => {
  const isNew = !live.has(notice.seq);
  if (notice.state !== "live" || isExpired(notice)) {
    if (!isNew && !seen.has(notice.seq)) unread = Math.max(0, unread - 1);
    live.delete(notice.seq);
  } else {
    live.set(notice.seq, notice);
    if (isNew && socket.state === "online" && !seen.has(notice.seq)) unread++;
    if (notice.expires_at) setTimeout(draw, Math.min(LONGEST, new Date(notice.expires_at) - Date.now() + 50));
  }
  draw();
});

const isExpired = ({ expires_at: at }) => at && new Date(at) <= Date.now();
const nameOf = ({ epoch, seq, reminder }) => `${epoch}/${seq}${reminder ? `/${reminder}` : ""}`;

function isWaiting(notice) {
  if (isExpired(notice) || dismissed.has(nameOf(notice))) return false;
  if (notice.needs_ack) return !acknowledged.has(notice.seq);
  return Date.now() - new Date(notice.at) < RECENT;
}

function draw() {
  const waiting = [...live.values()].filter(isWaiting).sort((one, other) => other.seq - one.seq);
  const strips = waiting.filter(({ level }) => level !== "urgent");
  for (const element of [...region.querySelectorAll(".notice")]) {
    if (strips.some((notice) => nameOf(notice) === element.dataset.name)) continue;
    unwatch(element);
    element.remove();
  }
  strips.forEach((notice, place) => {
    const element = region.querySelector(`[data-name="${CSS.escape(nameOf(notice))}"]`) ?? strip(notice);
    element.hidden = place >= AT_MOST;
    if (region.children[place] !== element) region.insertBefore(element, region.children[place] ?? null);
  });
  sayMore(strips.length - AT_MOST);
  const urgent = waiting.findLast(({ level }) => level === "urgent"); // the oldest first
  if (urgent) showUrgent(urgent, fill, () => acknowledge(urgent.seq));
  else closeUrgent();
  for (const badge of badges) {
    badge.hidden = unread === 0;
    badge.querySelector("b").textContent = unread > 99 ? "99+" : `${unread}`;
  }
}

function strip(notice) {
  const element = template.content.firstElementChild.cloneNode(true);
  element.dataset.name = nameOf(notice);
  element.dataset.level = notice.level;
  fill(element, notice);
  const [sign, close] = [element.querySelector("[data-acknowledge]"), element.querySelector("[data-dismiss]")];
  sign.hidden = !notice.needs_ack;
  close.hidden = !notice.dismissible;
  sign.addEventListener("click", () => acknowledge(notice.seq));
  close.addEventListener("click", () => dismiss(notice));
  note("delivered", notice.seq);
  watch(element, notice.seq);
  return element;
}

/** The words of a notice; its HTML is sanitised by the server. */
function fill(element, { title, message, html }) {
  const [heading, words] = [element.querySelector(".notice-title"), element.querySelector(".notice-text")];
  heading.textContent = title || heading.dataset.untitled || "";
  heading.hidden = !heading.textContent;
  words.classList.toggle("notice-plain", html === undefined);
  if (html === undefined) words.textContent = message;
  else words.innerHTML = html;
}

function sayMore(count) {
  region.querySelector(".notice-more")?.remove();
  if (count <= 0) return;
  const more = document.createElement("a");
  more.className = "notice-more small";
  more.href = region.dataset.all;
  more.textContent = region.dataset.more.replace("{count}", count);
  region.append(more);
}

function acknowledge(seq) {
  note("acknowledged", seq);
  acknowledged.add(seq);
  draw();
  clearTimeout(undoing);
  undo.hidden = false;
  undo.querySelector("button").onclick = () => {
    note("unacknowledged", seq);
    acknowledged.delete(seq);
    undo.hidden = true;
    draw();
  };
  undoing = setTimeout(() => (undo.hidden = true), UNDO);
}

function dismiss(notice) {
  dismissed.add(nameOf(notice));
  keep("dismissed", [...dismissed].slice(-100));
  draw();
}
