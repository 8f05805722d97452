// The console works without this script. It shows times in the reader's zone, keeps a
// form from being sent twice, searches while the reader types, and renews previews.
const language = document.documentElement.lang;
const showTimes = (root) => {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (isNaN(at)) continue;
    try {
      element.title = element.textContent;
      element.textContent = new Intl.DateTimeFormat(language, { numberingSystem: "latn", dateStyle: "medium", timeStyle: "short" }).format(at);
    } catch {} // the time in UTC stays
  }
};
showTimes(document);

const alert = document.getElementById("alert");
if (alert && !document.querySelector("[autofocus]")) alert.focus();

// A button that is disabled is not sent, so the form only remembers that it was sent.
const sent = new WeakSet();
const release = () => {
  for (const form of document.forms) {
    sent.delete(form);
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
};
addEventListener("pageshow", (event) => { if (event.persisted) release(); });
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || event.submitter?.formTarget) return;
  if (sent.has(form)) { event.preventDefault(); return; }
  sent.add(form);
  event.submitter?.setAttribute("aria-disabled", "true");
  setTimeout(release, 8000); // an answer that never comes
});

// Search while the reader types. An answer that comes late changes nothing.
for (const form of document.querySelectorAll("form[data-live]")) {
  let waits, asked;
  const search = async () => {
    asked?.abort();
    const mine = asked = new AbortController();
    const url = form.action + "?" + new URLSearchParams(new FormData(form));
    try {
      const got = await fetch(url, { signal: mine.signal, headers: { Accept: "text/html", "X-Requested-With": "fetch" } });
      if (!got.ok) { if (got.status === 401 || got.status === 403) location.reload(); return; }
      const page = new DOMParser().parseFromString(await got.text(), "text/html").getElementById(form.dataset.live);
      if (!page || mine.signal.aborted) return;
      showTimes(page);
      document.getElementById(form.dataset.live).replaceChildren(...page.childNodes);
      history.replaceState(null, "", url);
    } catch {} // the button still searches
  };
  form.addEventListener("input", () => { clearTimeout(waits); waits = setTimeout(search, 250); });
}

// A preview is what the button of the preview shows, renewed while the reader types.
for (const form of document.querySelectorAll("form[data-preview]")) {
  const button = form.querySelector("button[formtarget]");
  let waits;
  const renew = () => form.requestSubmit(button);
  form.addEventListener("input", () => { clearTimeout(waits); waits = setTimeout(renew, 500); });
  renew();
}
