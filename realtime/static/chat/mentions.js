// Mentions: in the words on the wire they are numbers, <@7>; people write and read names, @Bob.
import { everybody, nameOf } from "chat/company";
import { paint } from "chat/person";

const SHOWN = 8;
const MENTION = /<@([1-9]\d{0,15})>/g;
const ASKED = /(?:^|[\s([{"'])@([\p{L}\p{M}\p{N}_.'’-]*(?: [\p{L}\p{M}\p{N}_.'’-]*){0,3})$/u;
const CODE = "```[\\s\\S]*?(?:```|$)|`[^`\\n]+`"; // there, @ is no mention

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Who is meant by which name, in one text. */
export class Mentions {
  #ids = new Map();

  /** Those of a message that is there. */
  in(element) {
    const mentions = new Mentions();
    for (const { textContent: name, dataset } of element.querySelectorAll(".mention")) {
      mentions.add(name.slice(1), dataset.userId);
    }
    return mentions;
  }

  /** What to write for this person: the name; the number, if the name already means somebody else. */
  add(name, id) {
    if ((this.#ids.get(name) ?? id) !== id) return `<@${id}>`;
    this.#ids.set(name, id);
    return `@${name}`;
  }

  /** As it goes onto the wire. */
  written(text) {
    const names = [...this.#ids.keys()].sort((one, other) => other.length - one.length).map(escaped);
    if (!names.length) return text;
    const found = new RegExp(`${CODE}|@(${names.join("|")})(?![\\p{L}\\p{N}_])`, "gu");
    return text.replace(found, (all, name) => (name === undefined ? all : `<@${this.#ids.get(name)}>`));
  }

  /** As people read it. */
  readable(text) {
    return text.replace(MENTION, (all, id) => {
      const name = [...this.#ids].find(([, one]) => one === id)?.[0] ?? nameOf(id);
      return name ? this.add(name, id) : all;
    });
  }
}

/** Offers the people of the room while somebody types @. The arrows choose, Enter takes, Escape closes. */
export function suggest(words, list, mentions) {
  const template = document.querySelector("#suggestion");
  const me = document.body.dataset.userId;
  list.id ||= `people-${crypto.randomUUID()}`;
  words.setAttribute("aria-autocomplete", "list");
  words.setAttribute("aria-haspopup", "listbox");
  words.setAttribute("aria-controls", list.id);
  let turn = 0;
  let refused = null; // where Escape was pressed: there, nothing is offered again

  function asked() {
    const before = words.value.slice(0, words.selectionStart);
    const found = words.selectionStart === words.selectionEnd && ASKED.exec(before);
    return found ? { start: before.length - found[1].length - 1, typed: found[1].trim(), text: plain(found[1]) } : null;
  }

  async function look() {
    const mine = ++turn;
    const question = asked();
    if (!question || question.start === refused) return close();
    refused = null;
    const people = await everybody();
    if (mine !== turn) return;
    const fits = people.filter(({ id, name }) => `${id}` !== me && matches(plain(name), question.text));
    const exact = fits.filter(({ name }) => plain(name) === question.text.trim());
    if (exact.length === 1) mentions.add(question.typed, `${exact[0].id}`); // written out, without choosing
    const isDone = exact.length === 1 && question.text.endsWith(" ");
    if (fits.length && !isDone) open(fits.slice(0, SHOWN));
    else close();
  }

  function open(people) {
    list.replaceChildren(...people.map(draw));
    list.hidden = false;
    choose(list.firstElementChild);
  }

  function draw({ id, name }) {
    const option = template.content.firstElementChild.cloneNode(true);
    option.id = `${list.id}-${id}`;
    option.dataset.person = id;
    option.querySelector(".suggestion-name").textContent = name;
    paint(option.querySelector(".avatar"), name, id);
    return option;
  }

  function choose(option) {
    for (const one of list.children) one.ariaSelected = `${one === option}`;
    words.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    words.removeAttribute("aria-activedescendant");
  }

  function take(option) {
    const question = asked();
    close();
    if (!question) return;
    const written = mentions.add(option.querySelector(".suggestion-name").textContent, option.dataset.person);
    words.focus();
    words.setRangeText(`${written} `, question.start, words.selectionStart, "end");
    words.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const chosen = () => list.querySelector("[aria-selected=true]");
  const keys = {
    ArrowDown: () => choose(chosen().nextElementSibling ?? list.firstElementChild),
    ArrowUp: () => choose(chosen().previousElementSibling ?? list.lastElementChild),
    Enter: () => take(chosen()),
    Tab: () => take(chosen()),
    Escape: () => {
      refused = asked()?.start ?? null;
      close();
    },
  };

  words.addEventListener("input", look);
  words.addEventListener("blur", close);
  words.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing || event.shiftKey || !keys[event.key]) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Enter sends and Escape gives up only when nothing is offered
    keys[event.key]();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", ({ target }) => target.closest("[role=option]") && take(target.closest("[role=option]")));
}

const matches = (name, text) => name.startsWith(text) || name.split(/\s+/).some((word) => word.startsWith(text));
