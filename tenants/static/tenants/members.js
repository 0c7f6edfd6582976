// Paints the avatars, and shows the button of a role only once another one is chosen. Without this, it is always there.
import { paint } from "chat/person";

for (const avatar of document.querySelectorAll(".avatar[data-user]")) {
  paint(avatar, avatar.dataset.user, avatar.dataset.userId);
}

for (const form of document.querySelectorAll("[data-role]")) {
  const select = form.querySelector("select");
  const button = form.querySelector("button");
  const given = select.value;
  const show = () => (button.hidden = select.value === given);
  select.addEventListener("change", show);
  show();
}
