// The list of notices: what is looked at here has been seen.
import { note, watch } from "notices/receipts";

for (const element of document.querySelectorAll("[data-told-list] [data-seq]:not([data-seen])")) {
  const seq = Number(element.dataset.seq);
  note("delivered", seq);
  watch(element, seq);
}
