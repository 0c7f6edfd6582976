// Other words for a message of one's own, in its place. What is typed is kept until it is saved or given up: a lost line,
// a refusal or a reload loses none of it.
import { allKept, keep } from "chat/keep";
import { wordsOf } from "chat/message";
import { suggest } from "chat/mentions";
import { socket } from "chat/socket";
import { why } from "chat/told";

const template = document.querySelector("#editor");

export function editIn({ room, timeline, mentions }) {
  const nameOf = (element) => `edit:${room}:${element.dataset.seq}`;

  function begin(element, kept) {
    if (element.dataset.editing !== undefined) return element.querySelector(".editor textarea").focus();
    element.dataset.editing = "";
    const form = template.content.firstElementChild.cloneNode(true);
    const words = form.elements.message;
    const said = form.querySelector("[data-said]");
    const people = mentions.in(element);
    words.value = kept ?? people.readable(wordsOf(element));
    element.querySelector(".message-text").after(form);

    function end() {
      keep(nameOf(element), null);
      delete element.dataset.editing;
      const focused = form.contains(document.activeElement);
      form.remove();
      if (focused) element.focus({ preventScroll: true });
    }

    async function save() {
      said.textContent = "";
      const message = people.written(words.value);
      if (message === wordsOf(element)) return end();
      try {
        await socket.ask({ do: "edit", room, seq: Number(element.dataset.seq), message });
        end();
      } catch (problem) {
        said.textContent = why(problem);
      }
    }

    suggest(words, form.querySelector("[role=listbox]"), people);
    words.addEventListener("input", () => keep(nameOf(element), { seq: element.dataset.seq, text: words.value }));
    words.addEventListener("keydown", (event) => {
      if (event.isComposing || event.shiftKey || !["Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      if (event.key === "Enter") save();
      else end();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      save();
    });
    form.querySelector("[data-cancel]").addEventListener("click", end);
    if (kept === undefined) {
      words.focus();
      words.setSelectionRange(words.value.length, words.value.length);
      form.scrollIntoView({ block: "nearest" });
    }
  }

  for (const { seq, text } of allKept(`edit:${room}:`).filter(Boolean)) {
    const element = timeline.at(seq);
    if (element) begin(element, text);
  }
  return (element) => begin(element);
}
