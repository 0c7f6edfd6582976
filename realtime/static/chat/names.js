// What a room is called, where it is, and which is open here.
const { chatAt, onlyYou } = document.body.dataset;

/** A room's title; of a conversation, who else is in it. */
export function nameOf({ title, people }) {
  return people ? people.map(({ user }) => user).join(", ") || onlyYou : title;
}

export const addressOf = (room) => `${chatAt}${encodeURIComponent(room)}/`;

const main = document.querySelector("main[data-room]");

/** The room that this page is about, and the one whose conversation it shows. */
export const current = main?.dataset.room;
export const open = main && "chat" in main.dataset ? current : undefined;
