// A room's messages in the order of their numbers, each once. `through` is the highest change that this page has heard
// of in order, and so what it asks from after a lost line. An ack does not raise it: lower numbers may still be coming.
//
// The page holds a part of the history without a gap, the messages numbered `from` to `to` (0: from the beginning;
// Infinity: to the end). What is told of others waits until the reader gets there: a change may be told while the page
// of history that it belongs to, read before it, is still on its way.
import { dayOf } from "site/dates";
import { draw, dress, isThere, mark, redraw, seqOf } from "chat/message";

const PAUSE = 5 * 60_000; // after it, the same person's next message shows the name again

export class Timeline extends EventTarget {
  #bySeq;
  #waiting = [];

  constructor({ list, through, me, more, newer }) {
    super();
    Object.assign(this, { list, through, me });
    this.#bySeq = new Map([...list.children].map((element) => [seqOf(element), dress(element)]));
    for (const element of list.children) this.#set(element);
    this.from = more ? seqOf(list.firstElementChild) : 0;
    this.to = newer ? seqOf(list.lastElementChild) : Infinity;
  }

  get messages() {
    return [...this.list.children];
  }

  /** The last of them that is stored. */
  get last() {
    return this.messages.findLast((element) => seqOf(element) < Infinity);
  }

  at(seq) {
    return this.#bySeq.get(Number(seq));
  }

  /** A change heard in the room's order, from the socket or from a replay. Answers with the element if it is new. */
  hear(event) {
    if (event.changed_seq <= this.through) return null;
    this.through = event.changed_seq;
    return this.put(event);
  }

  /** A message known to be stored, from wherever. */
  put(event) {
    const known = this.#bySeq.get(event.seq) ?? this.#pendingOf(event);
    if (known) this.#settle(known, event);
    else if (event.on === "changed" || event.seq < this.from || event.seq > this.to) this.#waiting.push(event);
    else return this.#add(event);
    return null;
  }

  /** More of the history, which goes on from what is here: from now on the page holds `from` to `to`. */
  fill(messages, { from = this.from, to = this.to }) {
    Object.assign(this, { from, to });
    for (const message of messages) this.put(message);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const event of waiting) this.put(event);
    this.dispatchEvent(new Event("filled"));
  }

  /** The newest messages, as the room was at `through`, in place of what is here; what came after it stays. */
  beginAnew(messages, { from, through }) {
    for (const element of this.messages.filter((one) => seqOf(one) <= through)) {
      this.#bySeq.delete(seqOf(element));
      element.remove();
    }
    this.fill(messages, { from, to: Infinity });
  }

  /** Own words, not yet stored. */
  pend(post) {
    const { me } = this;
    const words = { ...post, message: post.shown ?? post.message };
    const element = this.find(post.client_id) ?? this.#insert(draw({ ...words, user: me.user, user_id: me.id }));
    mark(element, "pending");
  }

  fail(post, reason) {
    const element = this.find(post.client_id);
    if (element) mark(element, "failed", reason);
  }

  find(clientId) {
    const own = `[data-client-id="${CSS.escape(clientId)}"][data-user-id="${CSS.escape(this.me.id)}"]`;
    return clientId ? this.list.querySelector(own) : null;
  }

  /** My last message that can still be changed. */
  get lastOfMine() {
    return this.messages.findLast((element) => element.dataset.userId === this.me.id && isThere(element));
  }

  remove(element) {
    const next = element.nextElementSibling;
    element.remove();
    if (next) this.#set(next);
  }

  #pendingOf({ client_id: clientId, user_id: userId }) {
    return `${userId}` === this.me.id ? this.find(clientId) : null;
  }

  #settle(element, event) {
    if (Number(element.dataset.changedSeq || 0) > event.changed_seq) return;
    redraw(element, event);
    this.#insert(element);
    this.#bySeq.set(event.seq, element);
  }

  #add(event) {
    const element = this.#insert(draw(event));
    this.#bySeq.set(event.seq, element);
    return element;
  }

  #insert(element) {
    const seq = seqOf(element);
    let after = this.list.lastElementChild;
    while (after && (after === element || seqOf(after) > seq)) after = after.previousElementSibling;
    const follower = after ? after.nextElementSibling : this.list.firstElementChild;
    if (follower !== element) this.list.insertBefore(element, follower);
    this.#set(element);
    if (element.nextElementSibling) this.#set(element.nextElementSibling);
    return element;
  }

  // A day's first message carries its date; a person's next within minutes goes without the name.
  #set(element) {
    const before = element.previousElementSibling;
    const [at, earlier] = [element, before].map((one) => one && new Date(one.querySelector("time").dateTime));
    const day = dayOf(at);
    const sameDay = before !== null && dayOf(earlier) === day;
    const goesOn = sameDay && before.dataset.userId === element.dataset.userId && at - earlier < PAUSE;
    if (sameDay) delete element.dataset.day;
    else element.dataset.day = day;
    element.classList.toggle("goes-on", goesOn);
  }
}
