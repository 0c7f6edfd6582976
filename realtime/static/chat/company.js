// Who is in this room, and what they are called. Learned from what they say, and from the server when somebody is meant
// whom the page does not know.
import { call } from "chat/rest";

const PAGES = 4; // of 500: more is not a list to choose from
const AGAIN = 60_000;

const { userId: me, user: myName } = document.body.dataset;
const names = new Map([[me, myName]]);
const asked = { at: -Infinity, answer: Promise.resolve([]) };
const room = document.querySelector("[data-chat]").dataset.room;

export const nameOf = (id) => names.get(`${id}`);

export function learn(id, name) {
  names.set(`${id}`, name);
}

/** Everybody in the room, by name; asked at most once a minute. */
export function everybody() {
  if (performance.now() - asked.at > AGAIN) {
    asked.at = performance.now();
    asked.answer = fetchAll().catch(() => {
      asked.at = -Infinity;
      return [];
    });
  }
  return asked.answer;
}

async function fetchAll() {
  const people = [];
  for (let page = 0, after; page < PAGES && after !== null; page++) {
    const answer = await call("GET", `rooms/${encodeURIComponent(room)}/members?limit=500${after ? `&after=${after}` : ""}`);
    people.push(...answer.members);
    after = answer.next ?? null;
  }
  for (const { user_id: id, user } of people) learn(id, user);
  return people.map(({ user_id: id, user: name }) => ({ id, name }));
}
