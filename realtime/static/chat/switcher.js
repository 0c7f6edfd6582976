// Ctrl+K: to any room or person by a few letters. The field keeps the focus; the arrows move the choice.
import { addressOf, nameOf } from "chat/names";
import { find } from "chat/people";
import { isOnline } from "chat/presence";
import { call } from "chat/rest";
import { rooms } from "chat/states";
import { counted, meant } from "chat/unread";

const SHOWN = 8;
const PAUSE = 150; // ms without a key: now it is worth asking for people
const me = Number(document.body.dataset.userId);
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

const dialog = document.querySelector("#switcher");
const field = dialog.querySelector("input");
const list = dialog.querySelector("ul");
const said = dialog.querySelector("[data-said]");
const row = dialog.querySelector("template").content;
let turn = 0;
let pause;

export function openSwitcher() {
  if (dialog.open) return;
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  field.value = "";
  dialog.showModal();
  look();
}

export function watchSwitcher() {
  field.addEventListener("input", look);
  field.addEventListener("keydown", onKey);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", ({ target }) => go(target.closest("[role=option]")));
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
}

function onKey(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) move(step);
  else if (event.key === "Enter") go(list.querySelector("[aria-selected=true]"));
  else return;
  event.preventDefault();
}

// Rooms at once, from what is known; people as soon as they are found.
function look() {
  const mine = ++turn;
  const found = roomsLike(field.value);
  clearTimeout(pause);
  show(found);
  if (!("offersPeople" in dialog.dataset)) return tell(found);
  said.textContent = dialog.dataset.searching;
  pause = setTimeout(async () => {
    try {
      const people = await find(field.value, isKnown);
      if (mine !== turn) return;
      show([...found, ...people.map(personOption)].slice(0, 2 * SHOWN));
      tell([...found, ...people]);
    } catch {
      if (mine === turn) said.textContent = dialog.dataset.offline;
    }
  }, PAUSE);
}

function tell(found) {
  said.textContent = found.length ? "" : dialog.dataset.nothing;
}

// What waits comes first, then what begins like it, then the rest.
function roomsLike(text) {
  const wanted = plain(text.trim());
  const rank = (option) => (plain(option.name).startsWith(wanted) ? 0 : 1);
  const waits = ({ state }) => (state.joined ? 2 * Math.min(meant(state), 1) + Math.min(state.unread, 1) : -1);
  return [...rooms.own, ...rooms.elsewhere]
    .map((state) => ({ state, name: nameOf(state), go: () => addressOf(state.room) }))
    .filter(({ name, state }) => plain(name).includes(wanted) && (wanted || (state.joined && !state.archived)))
    .sort((one, other) => rank(one) - rank(other) || waits(other) - waits(one) || one.name.localeCompare(other.name))
    .slice(0, SHOWN);
}

// Whoever one talks to already is there as a conversation.
const isKnown = (id) =>
  id === me || rooms.own.some(({ kind, people }) => kind === "direct" && people.some((other) => other.user_id === id));

function personOption({ user_id: id, user }) {
  const begin = async () => addressOf((await call("POST", "conversations", { people: [id] })).room);
  return { person: id, name: user, go: begin };
}

function show(options) {
  list.replaceChildren(...options.map(draw));
  select(list.firstElementChild);
}

function draw(option, number) {
  const { state, person, name } = option;
  const item = row.querySelector("li").cloneNode(true);
  item.id = `switcher-${number}`;
  item.go = option.go;
  const other = person ?? (state.kind === "direct" ? state.people[0]?.user_id : undefined);
  const kind = person ? "person" : state.joined ? state.kind : "elsewhere";
  item.querySelector(".switcher-name").textContent = name;
  item.querySelector(".switcher-kind").textContent = dialog.dataset[`kind${kind[0].toUpperCase()}${kind.slice(1)}`];
  item.querySelector(".presence").hidden = other === undefined;
  item.querySelector(".presence").classList.toggle("online", isOnline(other));
  const waiting = state?.joined ? state.unread : 0;
  item.querySelector(".count").hidden = waiting === 0;
  item.querySelector(".count b").textContent = counted(waiting);
  return item;
}

function move(step) {
  const items = [...list.children];
  const at = items.findIndex((item) => item.ariaSelected === "true");
  select(items.at((at + step + items.length) % (items.length || 1)));
}

function select(item) {
  for (const other of list.children) other.ariaSelected = `${other === item}`;
  field.ariaExpanded = `${Boolean(item)}`;
  if (item) field.setAttribute("aria-activedescendant", item.id);
  else field.removeAttribute("aria-activedescendant");
  item?.scrollIntoView({ block: "nearest" });
}

async function go(item) {
  if (!item) return;
  try {
    location.assign(await item.go());
  } catch (problem) {
    said.textContent = problem.status ? problem.message : document.body.dataset.noLine;
  }
}
