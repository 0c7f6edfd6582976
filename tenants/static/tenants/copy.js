// Puts a link on the clipboard; where the browser keeps it shut, the link stands selected instead.
for (const box of document.querySelectorAll("[data-copy]")) {
  const link = box.querySelector("input");
  const button = box.querySelector("button");
  button.addEventListener("click", async () => {
    link.select();
    await navigator.clipboard?.writeText(link.value);
    button.textContent = button.dataset.done;
  });
}
