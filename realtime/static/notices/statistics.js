// The figures of a notice, while somebody looks at them: asked for again and again, and drawn where they stand.
import { call } from "chat/rest";

const AGAIN = 2_000;
const KINDS = ["delivered", "seen", "acknowledged"];

const page = document.querySelector("[data-statistics]");
const drawing = page.querySelector("svg").viewBox.baseVal;
async function look() {
  if (!document.hidden) {
    const told = await call("GET", `notices/${page.dataset.statistics}`).catch(() => null);
    if (told && told.notice.state !== page.dataset.state) return location.reload();
    if (told) draw(told);
  }
  setTimeout(look, AGAIN);
}

/** The server draws who is missing. */
async function drawMissing() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const anew = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-missing-list]");
  if (anew) document.querySelector("[data-missing-list]").replaceWith(anew);
}

function draw(told) {
  const isNews = [...page.querySelectorAll("[data-meter]")].some((one) => one.value !== told.notice[one.dataset.meter]);
  if (isNews) drawMissing();
  const counts = { ...told.notice, missing: told.missing, mailed: told.mailed };
  for (const element of document.querySelectorAll("[data-count]")) element.textContent = counts[element.dataset.count];
  for (const kind of KINDS) {
    drawBar(kind, told.notice, told[`${kind}_after`]);
    const line = page.querySelector(`[data-kind=${kind}]`);
    line?.setAttribute("points", points(told.course, kind));
  }
  page.querySelector("[data-span]").textContent = told.course.seconds.at(-1);
}

function drawBar(kind, notice, took) {
  const meter = page.querySelector(`[data-meter=${kind}]`);
  if (!meter) return;
  meter.max = notice.targeted || 1;
  meter.value = notice[kind];
  const within = page.querySelector(`[data-took=${kind}]`);
  within.hidden = took.median === undefined;
  within.querySelector("[data-median]").textContent = took.median ?? "";
  within.querySelector("[data-p99]").textContent = took.p99 ?? "";
}

// As realtime/notices/chart.py draws it.
function points(course, kind) {
  const highest = Math.max(1, ...KINDS.flatMap((each) => course[each]));
  const last = course.seconds.length - 1;
  return course[kind]
    .map((count, step) => {
      const [x, y] = [(drawing.width * step) / last, drawing.height - ((drawing.height - 4) * count) / highest];
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

setTimeout(look, AGAIN);
