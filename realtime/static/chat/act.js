// Forms that ask the REST interface. `data-ask` is the method and the path, the fields are the body; then `data-go` is
// where to go, with {room} of the answer ("" is this page anew), and `data-done` what is said there. A no is told in the form.
import { sayLater } from "chat/later";
import { call, Refusal } from "chat/rest";

export function watchForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-ask]");
    if (!form) return;
    event.preventDefault();
    ask(form);
  });
}

async function ask(form) {
  const [method, path] = form.dataset.ask.split(" ");
  const said = form.querySelector("[data-said]");
  const buttons = [...form.querySelectorAll("button")];
  said.textContent = "";
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await call(method, path, bodyOf(form));
    if (form.dataset.done) sayLater(form.dataset.done);
    go(form.dataset.go, answer);
  } catch (problem) {
    said.textContent = problem instanceof Refusal ? problem.message : document.body.dataset.noLine;
    for (const button of buttons) button.disabled = false;
  }
}

function bodyOf(form) {
  const body = {};
  for (const { name, type, value, checked } of form.elements) {
    if (!name || (type === "radio" && !checked)) continue;
    if (name === "people") checked && (body.people ??= []).push(Number(value));
    else body[name] = type === "checkbox" ? checked : value;
  }
  return Object.keys(body).length ? body : undefined;
}

function go(where, answer) {
  if (where) location.assign(where.replace("{room}", () => encodeURIComponent(answer.room)));
  else location.reload();
}
