// A sentence for the next page: what was done, or why one is here.
const NAME = "said";

export function sayLater(sentence) {
  try {
    sessionStorage.setItem(NAME, sentence);
  } catch {
    // a browser that keeps nothing: the page itself shows what is the case
  }
}

export function sayNow() {
  const line = document.querySelector("[data-later]");
  if (!line) return;
  try {
    line.textContent = sessionStorage.getItem(NAME) ?? "";
    sessionStorage.removeItem(NAME);
  } catch {
    return;
  }
  line.hidden = line.textContent === "";
}
