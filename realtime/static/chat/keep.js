// What this browser keeps for this person. A browser that keeps nothing (private window, full disk) does no harm.
const mine = `${document.body.dataset.userId}:`;

export function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(mine + name));
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(mine + name);
    else localStorage.setItem(mine + name, JSON.stringify(value));
  } catch {
    // then it lives as long as the page
  }
}

export function allKept(prefix) {
  const start = mine + prefix;
  const names = Object.keys(localStorage).filter((name) => name.startsWith(start));
  return names.map((name) => kept(name.slice(mine.length)));
}
