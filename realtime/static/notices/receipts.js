// What has become of notices on this page, told to the server in batches: delivered, seen, acknowledged. What could not
// be told waits for the line.
import { Refusal } from "chat/rest";
import { socket } from "chat/socket";

const PAUSE = 200; // ms in which receipts gather …
const SPREAD = 600; // … and as much at least by lot, so that not every page in the organisation tells at once,
const EACH = 0.5; // … or so much for everybody who is online: a crowd's receipts take the server's time from others
const AT_ONCE = 200;
const LOOKED_AT = 1_000; // ms in view, in a tab that is in view
const TALL = 120; // px in view are enough of a long one

const waiting = { delivered: new Set(), seen: new Set(), acknowledged: new Set(), unacknowledged: new Set() };
const noted = new Set();
let online = 0;
let pause;

/** Once per page and notice; `acknowledged` and `unacknowledged` follow each other. */
export function note(kind, seq) {
  const name = `${kind}/${seq}`;
  if (kind === "acknowledged") waiting.unacknowledged.delete(seq);
  else if (kind === "unacknowledged") waiting.acknowledged.delete(seq);
  else if (noted.has(name)) return;
  noted.add(name);
  waiting[kind].add(seq);
  clearTimeout(pause);
  pause = setTimeout(flush, kind === "acknowledged" ? 0 : PAUSE + Math.random() * Math.max(SPREAD, online * EACH));
}

socket.addEventListener("welcome", ({ detail }) => (online = detail.online_count ?? 0));
socket.addEventListener("presence", ({ detail }) => (online = detail.count));

async function flush() {
  if (socket.state !== "online") return; // on coming back
  const batch = {};
  for (const [kind, seqs] of Object.entries(waiting)) {
    batch[kind] = [...seqs].slice(0, AT_ONCE);
    for (const seq of batch[kind]) seqs.delete(seq);
  }
  if (Object.values(batch).every((seqs) => seqs.length === 0)) return;
  try {
    await socket.ask({ do: "receipts", ...batch });
    if (Object.values(waiting).some((seqs) => seqs.size)) flush();
  } catch (problem) {
    if (problem instanceof Refusal && !problem.retryAfter) return; // can no longer be taken back, or not ours
    for (const [kind, seqs] of Object.entries(batch)) for (const seq of seqs) waiting[kind].add(seq);
    clearTimeout(pause);
    pause = setTimeout(flush, (problem.retryAfter ?? 1) * 1000);
  }
}

socket.addEventListener("state", ({ detail }) => detail.state === "online" && flush());

// Seen is what has been in view for a second, without a break, while the tab was.
const watched = new Map();
const eye = new IntersectionObserver((entries) => entries.forEach(look), { threshold: [0, 0.5, 1] });

export function watch(element, seq) {
  watched.set(element, { seq, inView: false, timer: null });
  eye.observe(element);
}

export function unwatch(element) {
  clearTimeout(watched.get(element)?.timer);
  watched.delete(element);
  eye.unobserve(element);
}

function look({ target, intersectionRatio, intersectionRect }) {
  const one = watched.get(target);
  if (!one) return;
  one.inView = intersectionRatio >= 0.5 || intersectionRect.height >= TALL;
  time(target, one);
}

function time(element, one) {
  const isLookedAt = one.inView && !document.hidden;
  if (!isLookedAt) {
    clearTimeout(one.timer);
    one.timer = null;
  } else if (one.timer === null) {
    one.timer = setTimeout(() => {
      note("seen", one.seq);
      unwatch(element);
    }, LOOKED_AT);
  }
}

document.addEventListener("visibilitychange", () => watched.forEach((one, element) => time(element, one)));
