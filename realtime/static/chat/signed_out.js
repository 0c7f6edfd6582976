// Whoever is signed out is led to the door, and back to this page afterwards. Nothing typed is lost: drafts stay here.
import { socket } from "chat/socket";

// A form on its way leads somewhere by itself: who signs out here is told so, and not led back to signing out.
let leaving = false;
addEventListener("submit", (event) => (leaving = !event.defaultPrevented));
addEventListener("pageshow", () => (leaving = false));

socket.addEventListener("state", ({ detail }) => {
  if (detail.state !== "signed-out" || leaving) return;
  const here = encodeURIComponent(location.pathname);
  location.assign(`${document.body.dataset.signIn}?next=${here}`);
});
