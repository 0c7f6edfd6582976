// Choosing people: a field to search in, and beneath it who was found, to be ticked. Who is ticked stays.
import { paintPresence } from "chat/presence";
import { paint } from "chat/person";
import { call } from "chat/rest";

const PAUSE = 200; // ms without a key: now it is worth asking
const SHOWN = 8;

export function watchPickers() {
  document.querySelectorAll("[data-people]").forEach(pick);
}

function pick(picker) {
  const field = picker.querySelector("input[type=search]");
  const list = picker.querySelector("ul");
  const said = picker.querySelector("[data-found]");
  const row = picker.querySelector("template").content.firstElementChild;
  const already = new Set((picker.dataset.people || "").split(",").filter(Boolean).map(Number));
  let pause;
  let last = 0;

  const ticked = () => [...list.querySelectorAll("input:checked")].map(({ value }) => Number(value));

  async function search() {
    const turn = ++last;
    said.textContent = said.dataset.searching;
    try {
      const found = await find(field.value, (id) => already.has(id) || ticked().includes(id));
      if (turn !== last) return;
      for (const item of [...list.children]) if (!item.querySelector("input").checked) item.remove();
      list.append(...found.map(draw));
      paintPresence(list);
      said.textContent = found.length ? "" : said.dataset.nobody;
    } catch {
      if (turn === last) said.textContent = said.dataset.offline;
    }
  }

  function draw({ user_id: id, user }) {
    const item = row.cloneNode(true);
    const [box, label] = [item.querySelector("input"), item.querySelector("label")];
    label.htmlFor = box.id = `${picker.id}-${id}`;
    box.value = id;
    item.querySelector("[data-name]").textContent = `${id}` === document.body.dataset.userId ? picker.dataset.you : user;
    item.querySelector("[data-presence]").dataset.presence = id;
    paint(item.querySelector(".avatar"), user, id);
    return item;
  }

  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, PAUSE);
  });
  field.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  search();
}

/** Members whose name holds the text, without those that are left out. */
export async function find(text, isOut = () => false) {
  const { members } = await call("GET", `members?limit=50&text=${encodeURIComponent(text.trim())}`);
  return members.filter(({ user_id: id }) => !isOut(id)).slice(0, SHOWN);
}
