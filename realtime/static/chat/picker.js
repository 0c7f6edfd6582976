// Choosing an emoji for a message: some common ones, or any other.
import { why } from "chat/told";

const GAP = 6; // px

export function watchPicker(picker, react) {
  const said = picker.querySelector("[data-said]");
  const form = picker.querySelector("form");
  const field = form.elements.emoji;
  const common = [...picker.querySelectorAll(".picker-emoji")];
  let chosen = null;

  async function send(emoji) {
    said.textContent = "";
    try {
      await react(chosen, emoji);
      picker.hidePopover();
    } catch (problem) {
      said.textContent = why(problem);
    }
  }

  for (const button of common) button.addEventListener("click", () => send(button.value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(field.value.trim());
  });
  picker.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const place = common.indexOf(event.target);
    if (!step || place < 0) return;
    event.preventDefault();
    common.at((place + step) % common.length).focus();
  });
  // The popover gives the focus back by itself, but to a tool that may be gone: the message is where one was.
  picker.addEventListener("toggle", ({ newState }) => newState === "closed" && returnTo(chosen, picker));

  return function pick(element, beside) {
    chosen = element;
    said.textContent = field.value = "";
    picker.showPopover();
    place(picker, beside.hidden ? element : beside);
    common[0].focus();
  };
}

function returnTo(element, picker) {
  const { activeElement: at } = document;
  if (at === document.body || picker.contains(at) || element.contains(at)) element.focus({ preventScroll: true });
}

// Below what it belongs to where there is room, else above, and never beyond the window.
function place(picker, beside) {
  const box = beside.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = picker;
  const below = box.bottom + GAP + height <= innerHeight;
  picker.style.insetBlockStart = `${Math.max(GAP, below ? box.bottom + GAP : box.top - GAP - height)}px`;
  picker.style.left = `${Math.max(GAP, Math.min(box.right - width, innerWidth - width - GAP))}px`;
}
