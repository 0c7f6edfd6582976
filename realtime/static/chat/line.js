// Says what is wrong with the line, in words, when it is. A blink is not worth a word.
import { socket } from "chat/socket";

const BLINK = 700;

export function showLine(banner) {
  const words = banner.querySelector("p");
  const again = banner.querySelector("[data-again]");
  let blink;

  function show({ state, reason }) {
    clearTimeout(blink);
    banner.hidden = state === "online";
    banner.dataset.state = state;
    again.hidden = state !== "offline" && state !== "connecting";
    words.textContent = reason || banner.dataset[state === "signed-out" ? "signedOut" : state] || "";
  }

  socket.addEventListener("state", ({ detail }) => {
    clearTimeout(blink);
    if (detail.state === "connecting" && banner.hidden) blink = setTimeout(show, BLINK, detail);
    else if (detail.state !== "connecting") show(detail);
  });
  again.addEventListener("click", () => socket.open());
}
