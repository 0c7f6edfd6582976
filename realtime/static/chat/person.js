// A face for a person: initials on a colour that stays theirs.
const letters = new Intl.Segmenter();

export function paint(avatar, name, id) {
  avatar.textContent = initials(name);
  avatar.style.setProperty("--hue", hue(`${id}`));
}

function initials(name) {
  const words = name.trim().split(/\s+/u);
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => [...letters.segment(word)][0]?.segment ?? "").join("").toUpperCase();
}

// Neighbouring numbers are to look different: the golden angle keeps them apart.
function hue(id) {
  const number = [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 65_521, 7);
  return Math.round((number * 137.508) % 360);
}
