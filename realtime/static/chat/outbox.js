// What was written and is not known to be stored. It outlives a lost line and a reload, and is sent one by one, so that it
// arrives in the order of writing. The client_id makes it harmless to send the same twice.
import { allKept, keep } from "chat/keep";
import { Lost, socket } from "chat/socket";

export class Outbox extends EventTarget {
  #posts;
  #sending = false;

  constructor(room) {
    super();
    this.room = room;
    this.#posts = allKept(`unsent:${room}:`).filter(Boolean).sort((one, other) => one.at.localeCompare(other.at));
    socket.addEventListener("state", () => this.send());
  }

  get posts() {
    return [...this.#posts];
  }

  /** `shown`: the message as people read it, with names for mentions. */
  add(message, shown) {
    const post = { client_id: crypto.randomUUID(), message, shown, at: new Date().toISOString() };
    this.#posts.push(post);
    keep(this.#name(post.client_id), post);
    this.#say("pending", { post });
    this.send();
  }

  retry(clientId) {
    const post = this.#posts.find((one) => one.client_id === clientId);
    if (!post) return;
    delete post.failed;
    this.#say("pending", { post });
    this.send();
  }

  forget(clientId) {
    this.#posts = this.#posts.filter((post) => post.client_id !== clientId);
    keep(this.#name(clientId), null);
  }

  async send() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let post; (post = this.#next()); ) await this.#sendOne(post);
    } catch (problem) {
      if (!(problem instanceof Lost)) throw problem; // the next line sends again
    } finally {
      this.#sending = false;
    }
  }

  #next() {
    return socket.state === "online" ? this.#posts.find((post) => !post.failed) : undefined;
  }

  async #sendOne(post) {
    const { client_id, message } = post;
    try {
      const { seq } = await socket.ask({ do: "post", room: this.room, client_id, message });
      this.forget(client_id);
      this.#say("stored", { post, seq });
    } catch (refusal) {
      if (refusal instanceof Lost) throw refusal;
      if (refusal.retryAfter) await new Promise((after) => setTimeout(after, refusal.retryAfter * 1000));
      else this.#fail(post, refusal);
    }
  }

  #fail(post, refusal) {
    post.failed = true;
    this.#say("failed", { post, reason: refusal.message });
  }

  #name(clientId) {
    return `unsent:${this.room}:${clientId}`;
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
