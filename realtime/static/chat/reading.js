// How far I have read: told to the server when the last message is seen, heard from my other devices, and drawn as a line
// above what was new when I came.
import { isMine, seqOf } from "chat/message";
import { atEnd } from "chat/place";
import { socket } from "chat/socket";

const SETTLE = 400; // ms: what is seen for less is scrolled past

const template = document.querySelector("#divider");

export function readAlong({ room, timeline, stream, read }) {
  const divider = template.content.firstElementChild.cloneNode(true);
  let since = read; // the line is drawn after it, and stays there until the reader leaves the room
  let told = read;
  let settling;

  const isReading = () => timeline.to === Infinity && atEnd(stream) && !document.hidden && document.hasFocus();
  const isNew = (element) => seqOf(element) > since && element.dataset.seq !== "" && !isMine(element);

  function draw() {
    const first = timeline.messages.find(isNew);
    const isCertain = first && (timeline.from === 0 || seqOf(timeline.list.firstElementChild) <= since);
    if (isCertain) first.prepend(divider);
    else divider.remove();
  }

  function look() {
    clearTimeout(settling);
    settling = setTimeout(tell, SETTLE);
  }

  async function tell() {
    const { last } = timeline;
    if (!last || seqOf(last) <= Math.max(read, told) || !isReading()) return;
    const before = told;
    told = seqOf(last);
    try {
      await socket.ask({ do: "read", room, seq: told });
    } catch {
      told = before; // the line coming back looks again
    }
  }

  socket.addEventListener("read", ({ detail }) => {
    if (detail.room !== room) return;
    read = Math.max(read, detail.seq);
    if (detail.seq <= told) return;
    since = read; // on another device: here it is not new any more either
    draw();
  });

  for (const name of ["focus", "visibilitychange"]) addEventListener(name, look);
  stream.addEventListener("scroll", look, { passive: true });
  socket.addEventListener("state", look);
  timeline.addEventListener("filled", () => {
    draw();
    look();
  });
  draw();
  look();

  return {
    divider,
    /** Something has just been said. For who has read all before and looks away, it is what will be new. */
    hear(element) {
      const others = timeline.messages.filter((one) => one !== element && one.dataset.seq !== "" && !isMine(one));
      const hadReadAll = !others.length || seqOf(others.at(-1)) <= Math.max(read, told);
      if (!isMine(element) && hadReadAll && !isReading()) {
        since = Math.max(read, told);
        draw();
      }
      look();
    },
  };
}
