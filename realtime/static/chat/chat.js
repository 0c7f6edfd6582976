// The page of a room: brings the parts of the conversation together.
import { compose, watchClosing } from "chat/composer";
import { editIn } from "chat/editing";
import { readOn } from "chat/history";
import { Mentions } from "chat/mentions";
import { Outbox } from "chat/outbox";
import { steady, watchNewer } from "chat/place";
import { readAlong } from "chat/reading";
import { socket } from "chat/socket";
import { rooms } from "chat/states";
import { Timeline } from "chat/timeline";
import { handTools } from "chat/tools";
import { showTyping } from "chat/typing";

const page = document.querySelector("[data-chat]");
const part = (name) => page.querySelector(`[data-${name}]`);
const { room, epoch, through } = page.dataset;
const me = { id: document.body.dataset.userId, user: document.body.dataset.user };

enter();

function enter() {
  const [list, stream, beginning] = ["messages", "stream", "beginning"].map(part);
  const { newer, read, target } = list.dataset;
  const timeline = new Timeline({ list, through: Number(through), me, more: beginning.hidden, newer: newer === "true" });
  const outbox = new Outbox(room);
  const typed = showTyping(part("typing"), { room, me });
  const { canWrite, isOpen } = watchClosing(part("composer"), part("closed"), room, rooms);
  const history = readOn({ room, timeline, stream, beginning });
  const news = watchNewer({ stream, button: part("newest"), timeline, toEnd: history.toEnd });
  const reading = readAlong({ room, timeline, stream, read: Number(read) });
  const edit = editIn({ room, timeline, mentions: new Mentions() });
  const [tools, picker, deletion] = ["tools", "picker", "deletion"].map(part);
  const { goTo } = handTools({ room, timeline, tools, picker, deletion, edit, isOpen });

  socket.greeting = () => rooms.greeting({ [room]: timeline.through }, epoch);
  hearRoom({ timeline, outbox, news, reading, stream });
  keepUnsent({ timeline, outbox });
  compose(part("composer"), {
    room,
    typed,
    send(message, shown) {
      outbox.add(message, shown);
      typed("");
      history.toEnd();
    },
    editLast() {
      const last = timeline.lastOfMine;
      if (last && canWrite()) edit(last);
      return Boolean(last);
    },
  });
  begin({ target: timeline.at(target), goTo, reading, stream, news });
  history.look();
}

// At the message that a permalink names; else at the first that is new; else at the end.
function begin({ target, goTo, reading: { divider }, stream, news }) {
  if (target) {
    target.classList.add("is-target");
    goTo(target);
    target.scrollIntoView({ block: "center" });
  } else if (divider.isConnected && divider.getBoundingClientRect().top < stream.getBoundingClientRect().top) {
    divider.scrollIntoView({ block: "start" });
    news.say();
  }
}

function hearRoom({ timeline, outbox, news, reading, stream }) {
  const hear = (...events) => steady(stream, () => events.forEach(hearOne));

  function hearOne(event) {
    const fresh = timeline.hear(event);
    if (`${event.user_id}` === me.id && event.client_id) outbox.forget(event.client_id);
    if (!fresh) return;
    news.say();
    reading.hear(fresh);
  }

  const here = (listen) => ({ detail }) => detail.room === room && listen(detail);
  socket.addEventListener("message", here(hear));
  socket.addEventListener("changed", here(hear));
  socket.addEventListener("replay", here(({ messages, through: reached }) => {
    hear(...messages);
    timeline.through = Math.max(timeline.through, reached);
  }));
  // Restored from a backup, for one: what this page holds is of another time. Thousands are told at once: spread.
  socket.addEventListener("reload", here(() => setTimeout(() => location.reload(), 500 + Math.random() * 4_000)));
}

function keepUnsent({ timeline, outbox }) {
  outbox.addEventListener("pending", ({ detail }) => timeline.pend(detail.post));
  outbox.addEventListener("failed", ({ detail }) => timeline.fail(detail.post, detail.reason));
  outbox.addEventListener("stored", ({ detail: { post, seq } }) => {
    if (timeline.at(seq)) return; // heard already, and better known than from the ack
    const message = post.shown ?? post.message;
    timeline.put({ ...post, message, on: "message", room, seq, changed_seq: seq, user: me.user, user_id: me.id });
  });
  for (const post of outbox.posts) {
    if (timeline.find(post.client_id)) outbox.forget(post.client_id);
    else timeline.pend(post);
  }
  timeline.list.addEventListener("click", ({ target }) => {
    const element = target.closest(".message");
    const { clientId } = element?.dataset ?? {};
    if (target.matches("[data-retry]")) outbox.retry(clientId);
    if (target.matches("[data-discard]")) {
      outbox.forget(clientId);
      timeline.remove(element);
    }
  });
}
