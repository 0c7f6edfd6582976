// The page's one socket. It opens when every module has had its turn to listen, and comes back by itself.
// Each event of the server is dispatched under its name; "state" tells what became of the line itself.
import { call, Refusal } from "chat/rest";

const PATIENCE = 10_000; // something is owed to us and nothing was heard for so long: the line is dead, untold
const SILENCE = 60_000; // after it, a line is asked whether it is still there: routers forget lines without a word
const LOOK = 5_000;
const LONGEST = 30_000;
const RESTARTING = 1012;
const SIGNED_OUT = 4401;
const REFUSED = new Set([4403, 4404]);
const FLOODED = 4429;

/** The line went away before the answer came: it may or may not have happened. */
export class Lost extends Error {}

class Socket extends EventTarget {
  /** What this page has, for `hello`: its rooms and the highest change of each (chat/states). */
  greeting = () => ({ rooms: {} });
  /** "online" means caught up and live: the replay of every room has been heard. */
  state = "connecting";
  #line = null;
  #attempts = 0;
  #waiting = null;
  #asked = new Map();
  #lastId = 0;
  #quietSince = 0;

  open() {
    clearTimeout(this.#waiting);
    if (this.#line || this.state === "refused") return;
    const line = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/`);
    this.#line = line;
    this.#quietSince = Date.now();
    let opened = false;
    line.addEventListener("open", () => (opened = true));
    line.addEventListener("message", ({ data }) => line === this.#line && this.#hear(JSON.parse(data)));
    line.addEventListener("close", ({ code, reason }) => line === this.#line && this.#closed(code, reason, opened));
  }

  /** Sends a command that has no answer worth waiting for. */
  tell(command) {
    if (this.state === "online") this.#line.send(JSON.stringify(command));
  }

  /** Sends a command and answers with its reply. Throws Refusal, or Lost. */
  ask(command) {
    return this.state === "online" ? this.#ask(command) : Promise.reject(new Lost());
  }

  /** Gives the present line up and tries a new one at once. */
  drop() {
    this.#attempts = 0;
    this.#giveUp();
  }

  /** Finds out whether the line is alive. */
  probe() {
    if (this.state === "online") this.#ask({ do: "hello", rooms: {} }).catch(() => {});
    else this.open();
  }

  /** Looks after the line from time to time: nothing tells of one that died in silence. */
  look() {
    if (!this.#line) return;
    const quiet = Date.now() - this.#quietSince;
    const owed = this.#asked.size > 0 || this.state !== "online";
    if (owed && quiet > PATIENCE) this.#giveUp();
    else if (!document.hidden && quiet > SILENCE) this.probe();
  }

  #ask(command) {
    if (this.#asked.size === 0) this.#quietSince = Date.now();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#asked.set(id, { resolve, reject });
    this.#line.send(JSON.stringify({ ...command, id }));
    return promise;
  }

  #hear(event) {
    this.#quietSince = Date.now();
    // A frame refused before it was read has no id: any that is under way may be it, and may be asked again.
    const ids = event.on === "error" && event.id === undefined && event.retry_after ? [...this.#asked.keys()] : [event.id];
    for (const id of ids) this.#answer(id, event);
    this.dispatchEvent(new CustomEvent(event.on, { detail: event }));
    if (event.on === "welcome") this.#greet(); // by now, everybody has heard where the rooms are
  }

  #answer(id, event) {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    if (event.on === "error") asked.reject(new Refusal(event));
    else asked.resolve(event);
  }

  async #greet() {
    try {
      await this.#ask({ do: "hello", ...this.greeting() });
      this.#attempts = 0;
      this.#become("online");
    } catch (problem) {
      if (problem instanceof Refusal) this.#giveUp();
    }
  }

  #giveUp() {
    this.#line?.close();
    this.#closed(1006, "", true);
  }

  async #closed(code, reason, opened) {
    this.#line = null;
    clearTimeout(this.#waiting);
    for (const { reject } of this.#asked.values()) reject(new Lost());
    this.#asked.clear();
    if (code === SIGNED_OUT) return this.#become("signed-out");
    if (REFUSED.has(code)) return this.#become("refused", reason);
    this.#become("connecting");
    if (!opened) await this.#findOutWhy();
    if (this.state === "connecting" || this.state === "offline") this.#comeBack(code, reason);
  }

  #comeBack(code, reason) {
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => this.open(), this.#delay(code, reason));
  }

  // A failed handshake does not say why. The session does.
  async #findOutWhy() {
    const problem = await call("GET", "session").then(() => null, (problem) => problem);
    if (this.#line || !problem) return; // meanwhile another line has been tried; or all is well, and worth a retry
    if (problem.status === 401) this.#become("signed-out");
    else if (problem.status < 500 && problem.status !== 429) this.#become("refused", problem.message);
    else this.#become("offline");
  }

  // A server that restarts tells each page its own delay; otherwise chance spreads them.
  #delay(code, reason) {
    const told = code === RESTARTING ? Number.parseFloat(reason) : NaN;
    if (told > 0) return Math.min(told * 1000, LONGEST);
    const longest = Math.min(LONGEST, 500 * 2 ** this.#attempts++);
    return (code === FLOODED ? 5_000 : 100) + Math.random() * longest;
  }

  #become(state, reason = "") {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason } }));
  }
}

export const socket = new Socket();

addEventListener("DOMContentLoaded", () => socket.open());
addEventListener("online", () => socket.probe());
addEventListener("offline", () => socket.drop());
addEventListener("visibilitychange", () => document.hidden || socket.probe());
addEventListener("pageshow", ({ persisted }) => persisted && socket.drop());
setInterval(() => socket.look(), LOOK);
