// The admin's form on Home: tells everybody.
import { call, Refusal } from "chat/rest";

const form = document.querySelector("[data-publish]");
const said = form.querySelector("[data-said]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await call("POST", "notices", { message: form.elements.message.value });
    form.reset();
    said.textContent = said.dataset.done;
  } catch (problem) {
    said.textContent = problem instanceof Refusal ? problem.message : said.dataset.offline;
  } finally {
    button.disabled = false;
  }
});
