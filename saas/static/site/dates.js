// Times stand in the page as the server knows them, in UTC; here they become the reader's own.
const page = document.documentElement.lang;
const language = [...navigator.languages.filter((one) => one.split("-")[0] === page), page]; // en-GB reads en its own way
const clock = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });

export const dayOf = (at) => calendar.format(new Date(at));

export function localise(time) {
  const at = new Date(time.dateTime);
  time.textContent = "date" in time.dataset ? calendar.format(at) : clock.format(at);
  time.title = exact.format(at);
}

for (const time of document.querySelectorAll("time[data-date]")) localise(time);
