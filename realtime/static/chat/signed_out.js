// Whoever is signed out is led to the door, and back to this page afterwards. Nothing typed is lost: drafts stay here.
import { socket } from "chat/socket";

const PATIENCE = 10_000; // for the answer to a form that is on its way

// It leads somewhere by itself: who signs out here is told so, and not led back to signing out.
let leaving = false;
addEventListener("submit", (event) => (leaving = !event.defaultPrevented && event.target.method !== "dialog"));

socket.addEventListener("state", ({ detail }) => {
  if (detail.state === "signed-out") setTimeout(leadToTheDoor, leaving ? PATIENCE : 0);
});

function leadToTheDoor() {
  const here = encodeURIComponent(location.pathname);
  location.assign(`${document.body.dataset.signIn}?next=${here}`);
}
