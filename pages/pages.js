// The pages work without this script. It shows times in the reader's zone, keeps a
// form from being sent twice, and speaks with passkeys.
(() => {
  "use strict";
  const language = document.documentElement.lang;
  for (const element of document.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (isNaN(at)) continue;
    try {
      element.title = element.textContent;
      element.textContent = new Intl.DateTimeFormat(language, { numberingSystem: "latn", dateStyle: "medium", timeStyle: "short" }).format(at);
    } catch {} // the time in UTC stays
  }

  // Suggestions for a time zone: those that the browser knows, its own first.
  const zone = document.getElementById("timezone");
  if (zone && Intl.supportedValuesOf) {
    const list = document.createElement("datalist");
    list.id = "zones";
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const name of new Set([own, ...Intl.supportedValuesOf("timeZone")])) list.append(new Option(name, name));
    zone.after(list);
    zone.setAttribute("list", "zones");
    zone.placeholder = own;
  }

  // The secret of a link for many people stands in the fragment, which no server gets.
  const pasted = document.querySelector("form[data-link]");
  if (pasted && location.hash.startsWith("#token=")) {
    pasted.elements.link.value = location.hash;
    history.replaceState(null, "", location.pathname);
    document.querySelector("[data-with-link]").hidden = false;
    pasted.hidden = true;
    pasted.requestSubmit(pasted.querySelector("button"));
  }

  const alert = document.getElementById("alert");
  if (alert && !document.querySelector("[autofocus]")) alert.focus();

  // A button that is disabled is not sent, so the form only remembers that it was
  // sent. A page that the browser kept and shows again can be sent again.
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
    if (event.defaultPrevented) return;
    if (sent.has(form)) { event.preventDefault(); return; }
    sent.add(form);
    event.submitter?.setAttribute("aria-disabled", "true");
    setTimeout(release, 8000); // an answer that never comes
  });

  // Passkeys. Password managers replace navigator.credentials, so fields are read
  // one by one.
  const credentials = navigator.credentials;
  // No browser takes an IP address for the domain of a passkey.
  const named = !/^(\d+\.){3}\d+$|^\[/.test(location.hostname);
  const able = isSecureContext && named && typeof PublicKeyCredential !== "undefined" && typeof credentials?.get === "function";
  const forms = document.querySelectorAll("form[data-passkey]");
  if (!able || !forms.length) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => buffer ? btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") : undefined;
  const withIDs = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));
  const options = (given) => ({
    ...given, challenge: bytes(given.challenge),
    ...(given.user && { user: { ...given.user, id: bytes(given.user.id) } }),
    ...(given.allowCredentials && { allowCredentials: withIDs(given.allowCredentials) }),
    ...(given.excludeCredentials && { excludeCredentials: withIDs(given.excludeCredentials) }),
  });
  const answer = (made) => {
    const r = made.response;
    const response = { clientDataJSON: text(r.clientDataJSON) };
    if (r.attestationObject) {
      response.attestationObject = text(r.attestationObject);
      response.transports = r.getTransports?.() ?? [];
    } else {
      Object.assign(response, { authenticatorData: text(r.authenticatorData), signature: text(r.signature), userHandle: text(r.userHandle) });
    }
    let extensions = {};
    try { extensions = made.getClientExtensionResults() ?? {}; } catch {}
    return JSON.stringify({
      id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: extensions,
      ...(made.authenticatorAttachment && { authenticatorAttachment: made.authenticatorAttachment }),
    });
  };
  const begin = async (form) => {
    const body = new URLSearchParams(new FormData(form));
    body.set("purpose", form.dataset.passkey);
    const got = await fetch(form.dataset.options, { method: "POST", body, headers: { Accept: "application/json" } });
    const read = await got.json();
    if (!got.ok) throw Object.assign(new Error(read.message), { told: true });
    return read;
  };
  const finish = (form, begun, made) => {
    form.elements.ceremonyId.value = begun.ceremonyId;
    form.elements.credential.value = answer(made);
    form.submit();
  };
  const say = (form, message) => {
    let place = form.querySelector(".alert");
    if (!place) {
      place = document.createElement("p");
      place.className = "alert";
      place.setAttribute("role", "alert");
      form.prepend(place);
    }
    place.textContent = message;
  };
  // The browser takes one ceremony at a time. The autofill gives way to a button, at
  // whatever point it is; a ceremony that was given up is not answered.
  let running = null;
  let pressed = false;
  const ask = async (form, create, more) => {
    running?.abort();
    const mine = running = new AbortController();
    const begun = await begin(form);
    if (mine.signal.aborted) return;
    const request = { publicKey: options(begun.publicKey), signal: mine.signal, ...more };
    const made = await (create ? credentials.create(request) : credentials.get(request));
    if (made && !mine.signal.aborted) finish(form, begun, made);
  };
  const offerAutofill = async (form) => {
    if (!form.dataset.autofill || !await PublicKeyCredential.isConditionalMediationAvailable?.() || pressed) return;
    // A ceremony ends after five minutes.
    const renew = setTimeout(() => offerAutofill(form), 240000);
    try {
      await ask(form, false, { mediation: "conditional" });
    } catch {
      clearTimeout(renew);
    }
  };
  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      form.querySelector(".alert")?.remove();
      pressed = true;
      try {
        await ask(form, "create" in form.dataset);
      } catch (error) {
        if (error.name === "AbortError") return;
        pressed = false;
        say(form, error.told ? error.message : form.dataset.failed);
        offerAutofill(form);
      }
    });
    offerAutofill(form);
  }
  for (const element of document.querySelectorAll("[data-with-passkey]")) element.hidden = false;
  for (const element of document.querySelectorAll("[data-without-passkey]")) element.hidden = true;
})();
