// Suggests an address from the organisation's name, and says while one types whether it can be had.
const PAUSE = 250;
const form = document.querySelector("[data-sign-up]");
const { name, slug } = form.elements;
const verdict = form.querySelector("[data-verdict]");
let chosen = slug.value !== "";
let typing;

name.addEventListener("input", () => {
  if (chosen) return;
  slug.value = suggest(name.value);
  askSoon();
});

slug.addEventListener("input", () => {
  chosen = slug.value !== "";
  askSoon();
});

function suggest(text) {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").slice(0, 40).replace(/^-+|-+$/g, "");
}

function askSoon() {
  clearTimeout(typing);
  say("", null);
  if (slug.value) typing = setTimeout(ask, PAUSE);
}

async function ask() {
  const asked = slug.value;
  const response = await fetch(`/api/v1/addresses/${encodeURIComponent(asked)}`).catch(() => null);
  if (!response?.ok || asked !== slug.value) return; // sending the form tells too
  const { available, detail } = await response.json();
  say(available ? verdict.dataset.free : detail, available);
}

function say(text, available) {
  verdict.textContent = text;
  verdict.dataset.available = available;
  slug.setAttribute("aria-invalid", available === false);
}
