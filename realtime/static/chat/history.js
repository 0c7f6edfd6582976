// More of the history, fetched as the reader nears an end of what is here: older pages, and, for who has come by a
// permalink, newer ones.
import { holding } from "chat/place";
import { call } from "chat/rest";
import { socket } from "chat/socket";

const PAGE = 50;
const AHEAD = 600; // px before the end

export function readOn({ room, timeline, stream, beginning }) {
  const page = (where) => call("GET", `rooms/${encodeURIComponent(room)}/messages?limit=${PAGE}${where}`);
  let fetching = false;

  const lacksOlder = () => timeline.from > 0 && stream.scrollHeight - stream.clientHeight + stream.scrollTop < AHEAD;
  const lacksNewer = () => timeline.to < Infinity && -stream.scrollTop < AHEAD;

  async function fetchOlder() {
    const { messages, more } = await page(`&before=${timeline.from}`);
    timeline.fill(messages.toReversed(), { from: more ? messages[0].seq : 0 });
  }

  async function fetchNewer() {
    const { messages, more } = await page(`&after=${timeline.to}`);
    holding(stream, () => timeline.fill(messages, { to: more ? messages.at(-1).seq : Infinity }));
  }

  async function fetchNewest() {
    const { messages, more, through } = await page("");
    timeline.beginAnew(messages, { from: more ? messages[0].seq : 0, through });
  }

  async function fetchMore(fetch) {
    if (fetching) return false;
    fetching = true;
    stream.ariaBusy = "true"; // history is not news to be read aloud
    try {
      await fetch();
      beginning.hidden = timeline.from > 0;
      return true;
    } catch {
      return false; // scrolling on, or the line coming back, asks again
    } finally {
      fetching = false;
      stream.ariaBusy = "false";
    }
  }

  async function look() {
    if (lacksOlder() && (await fetchMore(fetchOlder))) return look();
    if (lacksNewer() && (await fetchMore(fetchNewer))) return look();
  }

  stream.addEventListener("scroll", look, { passive: true });
  socket.addEventListener("state", look);

  return {
    look,
    /** Goes to where the present is. */
    async toEnd() {
      if (timeline.to < Infinity) await fetchMore(fetchNewest);
      stream.scrollTo({ top: 0 });
    },
  };
}
