// What every page of a space has: presence, what is unread, the quick switcher, keys; and on those about rooms, their list.
import { watchForms } from "chat/act";
import { watchDrawer } from "chat/drawer";
import { sayNow } from "chat/later";
import { showLine } from "chat/line";
import { watchPickers } from "chat/people";
import { paint } from "chat/person";
import { showPresence } from "chat/presence";
import { showRooms } from "chat/rooms";
import { watchKeys } from "chat/shortcuts";
import "chat/states";
import { watchSwitcher } from "chat/switcher";
import { showUnread } from "chat/unread";

const drawer = document.querySelector("[data-rooms]");
const line = document.querySelector("[data-line]");

sayNow();
showPresence();
showUnread();
watchKeys();
watchSwitcher();
watchForms();
watchPickers();
for (const face of document.querySelectorAll("[data-face]")) paint(face, face.dataset.face, face.dataset.userId);
if (line) showLine(line);
if (drawer) {
  watchDrawer(drawer);
  showRooms(drawer);
}
