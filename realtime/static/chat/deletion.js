// Taking a message back: asked first, for there is no way back from it.
import { wordsOf } from "chat/message";
import { why } from "chat/told";

const MOST = 200; // characters of it that are shown

export function watchDeletion(dialog, remove) {
  const said = dialog.querySelector("[data-said]");
  let chosen = null;

  dialog.querySelector("[data-delete]").addEventListener("click", async () => {
    said.textContent = "";
    try {
      await remove(chosen);
      dialog.close();
    } catch (problem) {
      said.textContent = why(problem);
    }
  });
  dialog.addEventListener("close", () => chosen.focus({ preventScroll: true }));

  return function ask(element) {
    chosen = element;
    said.textContent = "";
    const text = element.querySelector(".message-text").innerText || wordsOf(element);
    dialog.querySelector(".deletion-words").textContent = text.length > MOST ? `${text.slice(0, MOST)}…` : text;
    dialog.showModal();
  };
}
