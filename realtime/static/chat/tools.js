// What can be done with a message: tools on the one that is pointed at or gone to, and keys. One message at a time is a
// stop for the Tab key, with all that is in it; the arrows go from message to message.
import { watchDeletion } from "chat/deletion";
import { isMine, isThere, spoken } from "chat/message";
import { watchPicker } from "chat/picker";
import { hasMine } from "chat/reactions";
import { socket } from "chat/socket";
import { tell, tellLinked, why } from "chat/told";

export function handTools({ room, timeline, tools, picker, deletion, edit, isOpen }) {
  const { list } = timeline;
  const mayModerate = tools.dataset.mayModerate === "true";
  const change = (command) => socket.ask({ room, ...command });
  const pick = watchPicker(picker, (element, emoji) => change({ do: "react", seq: Number(element.dataset.seq), emoji }));
  const askToDelete = watchDeletion(deletion, (element) => change({ do: "delete", seq: Number(element.dataset.seq) }));
  let current = null;

  const may = {
    react: (element) => isOpen() && isThere(element),
    edit: (element) => isOpen() && isThere(element) && isMine(element),
    delete: (element) => isOpen() && isThere(element) && (mayModerate || isMine(element)),
    link: (element) => element.dataset.seq !== "",
  };
  const verbs = { react: (element) => pick(element, tools), edit, delete: askToDelete, link: copyLink };

  function use(name, element) {
    if (may[name](element)) verbs[name](element);
  }

  function show(element) {
    const buttons = [...tools.querySelectorAll("[data-tool]")];
    for (const button of buttons) button.hidden = !may[button.dataset.tool](element);
    tools.hidden = element.dataset.editing !== undefined || buttons.every((button) => button.hidden);
    if (tools.parentElement !== element) element.append(tools);
  }

  // A touch screen has nothing to point with: there a button shows the tools, and hides them again.
  function unfold(element) {
    const isOut = tools.parentElement === element && !tools.hidden;
    element.focus({ preventScroll: true });
    if (isOut) tools.hidden = true;
  }

  function rove(element) {
    if (current !== element) stops(current, -1);
    current = element;
    stops(current, 0);
  }

  function goTo(element) {
    if (!element) return;
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }

  async function toggle(button) {
    const { seq } = button.closest(".message").dataset;
    try {
      await change({ do: "react", seq: Number(seq), emoji: button.dataset.emoji, remove: hasMine(button) });
    } catch (problem) {
      tell(why(problem));
    }
  }

  const keys = {
    ArrowUp: (element) => goTo(element.previousElementSibling),
    ArrowDown: (element) => (element.nextElementSibling ? goTo(element.nextElementSibling) : toWords()),
    Home: () => goTo(list.firstElementChild),
    End: () => goTo(list.lastElementChild),
    Escape: toWords,
    e: (element) => use("edit", element),
    r: (element) => use("react", element),
    Delete: (element) => use("delete", element),
  };

  list.addEventListener("pointerover", ({ target, pointerType }) => {
    const busy = tools.contains(document.activeElement) || picker.matches(":popover-open");
    const element = target.closest(".message");
    if (pointerType === "mouse" && element && !busy) show(element);
  });
  list.addEventListener("pointerleave", () => {
    if (!tools.parentElement.contains(document.activeElement)) tools.hidden = true;
  });
  list.addEventListener("focusin", ({ target }) => {
    const element = target.closest(".message");
    rove(element);
    if (!target.matches(".message-more")) show(element);
    if (target === element) element.ariaLabel = spoken(element);
  });
  list.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (target.matches(".message")) target.removeAttribute("aria-label");
    if (!relatedTarget?.closest(".message, .picker")) tools.hidden = true;
  });
  list.addEventListener("keydown", (event) => {
    const element = event.target.closest(".message");
    if (event.target !== element && !(event.key === "Escape" && tools.contains(event.target))) return;
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    if (event.target === element) keys[event.key](element);
    else element.focus();
  });
  list.addEventListener("click", ({ target }) => {
    const element = target.closest(".message");
    const tool = target.closest("[data-tool]");
    if (tool) use(tool.dataset.tool, element);
    if (target.closest(".message-more")) unfold(element);
    if (target.closest(".reaction") && isOpen()) toggle(target.closest(".reaction"));
  });
  // What has just come is where the Tab key leads, unless somebody is on a message.
  new MutationObserver(() => {
    if (!list.contains(document.activeElement) && list.lastElementChild) rove(list.lastElementChild);
  }).observe(list, { childList: true });
  if (list.lastElementChild) rove(list.lastElementChild);
  list.closest("[data-stream]").tabIndex = -1; // the messages in it are the stops
  return { goTo };
}

function stops(element, tabIndex) {
  if (!element) return;
  element.tabIndex = tabIndex;
  for (const inner of element.querySelectorAll(".reaction, .message-link")) inner.tabIndex = tabIndex;
}

function toWords() {
  document.querySelector("#words").focus();
}

async function copyLink(element) {
  const { href } = element.querySelector(".message-link");
  try {
    await navigator.clipboard.writeText(href);
    tellLinked();
  } catch {
    tell(href); // a browser that keeps its clipboard shut: there it stands, to be selected
  }
}
