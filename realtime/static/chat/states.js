// The rooms of whoever looks, as the server tells them: what they are called, who is in them, what is unread.
// Every welcome brings them all; the socket's events keep them up to date. "change" tells which has changed (or all of
// them), "gone" which one is not ours any more.
import { call } from "chat/rest";
import { socket } from "chat/socket";

const IN_ONE_HELLO = 500; // a frame has an end
const MOST = 100; // counted, here as on the server
const SPREAD = 3_000; // ms: many pages may have to ask for the same at once

const me = Number(document.body.dataset.userId);

class Rooms extends EventTarget {
  /** Public rooms that one could join. */
  elsewhere = [];
  #own = new Map();
  #taken = new Set();
  #recounts = new Map();
  #epoch = document.body.dataset.epoch;

  get own() {
    return [...this.#own.values()];
  }

  get(room) {
    return this.#own.get(room);
  }

  /** What to say hello with: every room from where the welcome's counts end. `here`: what the page itself holds. */
  greeting(here = {}, epoch = this.#epoch) {
    const positions = Object.fromEntries(this.own.slice(0, IN_ONE_HELLO).map(({ room, seq }) => [room, seq]));
    const taken = { ...positions, ...here };
    this.#taken = new Set(Object.keys(taken));
    return { rooms: taken, epoch };
  }

  /** All of a welcome. */
  begin({ rooms, epoch }) {
    this.#epoch = epoch;
    this.#own = new Map(rooms.filter(({ joined }) => joined).map((state) => [state.room, state]));
    this.elsewhere = rooms.filter(({ joined, archived }) => !joined && !archived);
    this.#tell();
  }

  /** Rooms that became ours after the hello. */
  takeUpMore() {
    for (const { room, seq } of this.own.filter(({ room }) => !this.#taken.has(room))) {
      if (socket.state !== "online") return;
      this.#taken.add(room);
      socket.tell({ do: "join", room, since: seq, epoch: this.#epoch });
    }
  }

  /** A message, told live or in a replay. */
  hear(event) {
    const state = this.#own.get(event.room);
    if (!state || event.changed_seq <= state.seq) return;
    const isNew = event.on !== "changed" && event.seq > state.seq;
    state.seq = event.changed_seq;
    if (!isNew) return this.#changed(state, event);
    if (event.user_id === me || event.deleted) return;
    state.unread = Math.min(state.unread + 1, MOST);
    if (event.mentions?.includes(me)) state.mentions = Math.min(state.mentions + 1, MOST);
    this.#tell(state);
  }

  read({ room, seq, unread, mentions }) {
    this.#set(room, { read: seq, unread, mentions });
  }

  /** Title, topic, archived or not; or a room that is new to us. */
  become({ room, state, on, id, ...news }) {
    if (state?.joined) {
      this.#own.set(room, { ...state, seq: Math.max(state.seq, this.get(room)?.seq ?? 0) });
      this.elsewhere = this.elsewhere.filter((other) => other.room !== room);
      this.#tell(this.get(room));
      this.takeUpMore();
    } else this.#set(room, news);
  }

  lose(room) {
    const state = this.#own.get(room);
    this.#taken.delete(room);
    if (this.#own.delete(room)) this.dispatchEvent(new CustomEvent("gone", { detail: state }));
  }

  // What was edited or deleted may have been unread, and may have mentioned us: the server counts.
  #changed(state, { room, seq, edited, deleted }) {
    const counts = seq > state.read && (edited || deleted);
    if (!counts || this.#recounts.has(room)) return;
    this.#recounts.set(room, setTimeout(() => this.#recount(room), Math.random() * SPREAD));
  }

  async #recount(room) {
    this.#recounts.delete(room);
    try {
      const { read, unread, mentions } = await call("GET", `rooms/${encodeURIComponent(room)}`);
      this.#set(room, { read, unread, mentions });
    } catch {
      // the next welcome tells
    }
  }

  #set(room, news) {
    const state = this.#own.get(room);
    if (state) this.#tell(Object.assign(state, news));
  }

  #tell(state = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: state }));
  }
}

export const rooms = new Rooms();

socket.greeting = () => rooms.greeting();
socket.addEventListener("welcome", ({ detail }) => rooms.begin(detail));
socket.addEventListener("state", () => rooms.takeUpMore());
socket.addEventListener("message", ({ detail }) => rooms.hear(detail));
socket.addEventListener("changed", ({ detail }) => rooms.hear(detail));
socket.addEventListener("replay", ({ detail }) => detail.messages.forEach((message) => rooms.hear(message)));
socket.addEventListener("read", ({ detail }) => rooms.read(detail));
socket.addEventListener("room", ({ detail }) => rooms.become(detail));
socket.addEventListener("gone", ({ detail }) => rooms.lose(detail.room));
