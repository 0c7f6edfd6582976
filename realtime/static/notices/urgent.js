// An urgent notice lies over the page until it is acknowledged: a modal dialog keeps the focus in it, and a screen reader
// reads it when it opens. Escape does not put it away.
import { socket } from "chat/socket";
import { note, unwatch, watch } from "notices/receipts";

const dialog = document.querySelector("[data-urgent]");
const button = dialog.querySelector("[data-acknowledge]");
const said = dialog.querySelector("[data-said]");
let shown = null;
let acknowledge = () => {};

export function showUrgent(notice, fill, onAcknowledge) {
  acknowledge = onAcknowledge;
  if (shown?.seq === notice.seq && shown.reminder === notice.reminder) return;
  closeUrgent();
  shown = notice;
  fill(dialog, notice);
  dialog.querySelector(".notice-by").textContent = `· ${notice.user}`;
  said.textContent = "";
  dialog.showModal();
  dialog.querySelector(".notice-title").focus();
  note("delivered", notice.seq);
  watch(dialog, notice.seq);
}

export function closeUrgent() {
  if (!shown) return;
  shown = null;
  unwatch(dialog);
  dialog.close();
}

button.addEventListener("click", () => {
  if (socket.state !== "online") said.textContent = button.dataset.offline;
  acknowledge();
});
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", () => shown && dialog.showModal()); // browsers let a second Escape through
