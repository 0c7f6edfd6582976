// On a phone the list of rooms is a drawer over the page. While it is open the rest is out of reach, for keys as well as
// for screen readers; Escape and the page beside it close it (the popover does that), and so does a choice.
const WIDE = matchMedia("(min-width: 52rem)");

export function watchDrawer(drawer) {
  const others = () => [...drawer.parentElement.children, ...document.querySelectorAll(".bar, .notices, .skip")];

  const reach = (within) => {
    for (const other of others()) if (other !== drawer) other.inert = !within;
  };

  drawer.addEventListener("toggle", ({ newState }) => {
    if (newState !== "open") return;
    reach(false);
    (drawer.querySelector(".room-link[aria-current]") ?? drawer.querySelector("a")).focus();
  });

  // Before it closes, so that the focus can go back to the button.
  drawer.addEventListener("beforetoggle", ({ newState }) => newState === "closed" && reach(true));

  drawer.addEventListener("click", ({ target }) => target.closest("a") && drawer.hidePopover());
  WIDE.addEventListener("change", () => drawer.matches(":popover-open") && drawer.hidePopover());
}
