// Who is typing. Best effort: told at most every three seconds, believed for six.
import { socket } from "chat/socket";

const TELL_EVERY = 3_000;
const BELIEVE = 6_000;

export function showTyping(line, { room, me }) {
  const typing = new Map();
  let told = 0;

  function show() {
    const names = [...typing.values()].map(({ name }) => name);
    const words = names.length === 1 ? line.dataset.one : line.dataset.many;
    const list = new Intl.ListFormat(document.documentElement.lang);
    line.textContent = names.length ? words.replace("{names}", () => list.format(names)) : "";
  }

  function stop(id) {
    clearTimeout(typing.get(id)?.end);
    if (typing.delete(id)) show();
  }

  socket.addEventListener("signal", ({ detail: { room: where, from, user, data } }) => {
    if (where !== room || `${from}` === me.id) return;
    stop(from);
    if (!data?.typing) return;
    typing.set(from, { name: user, end: setTimeout(stop, BELIEVE, from) });
    show();
  });

  socket.addEventListener("message", ({ detail }) => detail.room === room && stop(detail.user_id));

  return function typed(text) {
    const typing = text !== "";
    if (typing && Date.now() - told < TELL_EVERY) return;
    told = typing ? Date.now() : 0;
    socket.tell({ do: "signal", room, data: { typing } });
  };
}
