// Writing a notice: beside the form stands how it will look, and for how many people it would be.
import { call, Refusal } from "chat/rest";

const PAUSE = 400; // ms without a key: now it is worth asking

const form = document.querySelector("[data-compose]");
const preview = document.querySelector("[data-preview]");
const count = document.querySelector("[data-count]");
const button = form.querySelector("[data-now]");
let pause;
let last = 0;

const chosen = (name) => [...form.querySelectorAll(`[name=${name}]:checked`)].map(({ value }) => value);
const value = (name) => form.elements[name]?.value ?? ""; // a template has no times

function of(audience) {
  if (audience === "people") return chosen("people").map(Number);
  if (audience === "missing") return value("missed") ? [Number(value("missed"))] : [];
  return audience === "roles" || audience === "rooms" ? chosen(audience) : [];
}

function arrange() {
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== value("audience");
  const urgent = value("level") === "urgent";
  for (const name of ["needs_ack", "dismissible"]) form.elements[name].closest(".field-check").hidden = urgent;
  form.elements.remind_most.closest(".field").hidden = !value("remind_every");
  if (button) button.textContent = value("publish_at") ? button.dataset.then : button.dataset.now;
}

async function show() {
  const turn = ++last;
  preview.dataset.level = value("level");
  preview.querySelector(".notice-title").textContent = value("title");
  const words = preview.querySelector(".notice-text");
  if (!value("message").trim()) {
    words.textContent = count.textContent = "";
    return;
  }
  try {
    const audience = value("audience");
    const body = { message: value("message"), title: value("title"), level: value("level"), audience, of: of(audience) };
    const { html, people } = await call("POST", "notices/preview", body);
    if (turn !== last) return;
    words.classList.toggle("notice-plain", html === undefined);
    if (html === undefined) words.textContent = value("message");
    else words.innerHTML = html;
    count.textContent = people === 1 ? count.dataset.one : count.dataset.many.replace("{count}", people);
  } catch (problem) {
    if (turn === last) count.textContent = problem instanceof Refusal ? problem.message : count.dataset.offline;
  }
}

function changed() {
  arrange();
  clearTimeout(pause);
  pause = setTimeout(show, PAUSE);
}

form.addEventListener("input", changed);
form.addEventListener("change", changed);
arrange();
show();
