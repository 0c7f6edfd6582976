// The emoji beneath a message: how many people, whether I am one of them, and who they are.
import { everybody, nameOf } from "chat/company";

const template = document.querySelector("#reaction");
const { userId: me, lang } = { ...document.body.dataset, lang: document.documentElement.lang };
const list = new Intl.ListFormat(lang);
const listOf = (element) => element.querySelector(".reactions");
const usersOf = (button) => button.dataset.users.split(" ").filter(Boolean);

/** Draws them all. A button that stays keeps its place in the page, and so the focus. */
export function drawReactions(element, reactions) {
  const all = listOf(element);
  const had = new Map([...all.children].map((item) => [item.firstElementChild.dataset.emoji, item]));
  reactions.forEach(({ emoji, users }, place) => {
    const item = had.get(emoji) ?? template.content.firstElementChild.cloneNode(true);
    had.delete(emoji);
    fill(item.firstElementChild, emoji, users);
    if (all.children[place] !== item) all.insertBefore(item, all.children[place] ?? null);
  });
  const focused = [...had.values()].some((item) => item.contains(document.activeElement));
  for (const item of had.values()) item.remove();
  all.hidden = reactions.length === 0;
  if (focused) element.focus();
  nameReactions(element);
}

function fill(button, emoji, users) {
  button.dataset.emoji = emoji;
  button.dataset.users = users.join(" ");
  button.querySelector("span").textContent = emoji;
  button.querySelector("b").textContent = users.length;
}

/** Says who, in the name of each button; asks for names that the page does not know. */
export function nameReactions(element) {
  const buttons = [...listOf(element).querySelectorAll(".reaction")];
  buttons.forEach((button) => name(element, button));
  if (buttons.flatMap(usersOf).some((id) => id !== me && !nameOf(id))) {
    everybody().then(() => buttons.forEach((button) => name(element, button)));
  }
}

function name(element, button) {
  const { andYou, unknown } = listOf(element).dataset;
  const users = usersOf(button);
  const others = users.filter((id) => id !== me).map((id) => nameOf(id) ?? unknown);
  const who = list.format(users.includes(me) ? [...others, andYou] : others);
  button.ariaPressed = `${users.includes(me)}`;
  button.ariaLabel = `${button.dataset.emoji} ${users.length}: ${who}`;
  button.title = who;
}

export const hasMine = (button) => usersOf(button).includes(me);
