// One sentence about what has just been done, or could not be. It goes away by itself.
const STAYS = 8_000;
const line = document.querySelector("[data-told]");
let going;

export function tell(sentence) {
  clearTimeout(going);
  line.textContent = sentence;
  going = setTimeout(() => (line.textContent = ""), STAYS);
}

export const tellLinked = () => tell(line.dataset.linked);

/** Why a command did not work, in words for people. */
export const why = (problem) => problem.message || line.dataset.offline;
