// Where the reader is in the stream. It is laid out from its end (column-reverse): at the end means scrollTop 0, and what
// is added above moves nothing. Only what is added below a reader who has scrolled up must be made good.
const NEAR = 48;

export const atEnd = (stream) => Math.abs(stream.scrollTop) < NEAR;

/** Whoever is at the end stays there; whoever is further up keeps what they see. */
export function steady(stream, change) {
  if (atEnd(stream)) change();
  else holding(stream, change);
}

/** Keeps what the reader sees where it is. */
export function holding(stream, change) {
  const mark = firstSeen(stream);
  const before = mark?.getBoundingClientRect().top;
  change();
  if (mark) stream.scrollTop += mark.getBoundingClientRect().top - before;
}

function firstSeen(stream) {
  const top = stream.getBoundingClientRect().top;
  const messages = stream.querySelectorAll(".message");
  return [...messages].find((message) => message.getBoundingClientRect().bottom > top);
}

/** Shows the button while there is something new below; it leads there. */
export function watchNewer({ stream, button, timeline, toEnd }) {
  const isPast = () => timeline.to === Infinity && atEnd(stream);
  const say = () => (button.hidden = isPast());
  button.addEventListener("click", () => {
    toEnd();
    document.querySelector("#words")?.focus();
  });
  stream.addEventListener("scroll", () => isPast() && (button.hidden = true), { passive: true });
  if (timeline.to < Infinity) say();
  return { say };
}
