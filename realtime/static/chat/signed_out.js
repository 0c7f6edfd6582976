// Whoever is signed out is led to the door, and back to this page afterwards. Nothing typed is lost: drafts stay here.
import { socket } from "chat/socket";

socket.addEventListener("state", ({ detail }) => {
  if (detail.state !== "signed-out") return;
  const here = encodeURIComponent(location.pathname);
  location.assign(`${document.body.dataset.signIn}?next=${here}`);
});
