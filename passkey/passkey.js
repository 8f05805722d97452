// Passkeys for pages that sign in with Admit. This is an ES module without
// dependencies, for browsers as they are:
//
//   import { Passkeys } from "/passkey.js";
//   const passkeys = new Passkeys({ token: () => accessToken });
//   await passkeys.register({ name: "My phone" });
//   const tokens = await passkeys.signIn();
//
// Password managers replace navigator.credentials and what it returns, so this
// module asks objects what they can do, never what class they are of, and reads
// the fields of an answer instead of calling its toJSON.

// A ceremony ends after five minutes. The autofill of a page that stays open
// longer begins another one in time.
const AUTOFILL_RENEWED_AFTER = 4 * 60 * 1000;

// Browsers end a ceremony at once that is aborted. Some password managers never do;
// the next ceremony waits for them no longer than this.
const ABORT_WAITS = 1000;

// PasskeyError is what every method throws. Its code is one of Admit's
// ("auth/invalid-passkey") or one of these:
//
//   "passkey/unsupported"  the browser has no passkeys
//   "passkey/cancelled"    the person said no, waited too long, or has no passkey
//   "passkey/exists"       the device has a passkey of this account already
//   "passkey/aborted"      another ceremony of the page began, or cancel was called
//   "passkey/failed"       anything else that went wrong in the browser
//   "passkey/network"      the server could not be reached
export class PasskeyError extends Error {
  constructor(code, message, { status = 0, details = {}, cause } = {}) {
    super(message, { cause });
    this.name = "PasskeyError";
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

// isSupported says whether the browser has passkeys.
export function isSupported() {
  const credentials = globalThis.navigator?.credentials;
  return typeof credentials?.get === "function" && typeof credentials?.create === "function"
    && globalThis.PublicKeyCredential !== undefined && globalThis.isSecureContext !== false;
}

// canAutofill says whether the browser offers passkeys in the autofill of a field
// with autocomplete="username webauthn".
export async function canAutofill() {
  if (!isSupported()) return false;
  try {
    return await globalThis.PublicKeyCredential.isConditionalMediationAvailable() === true;
  } catch {
    return false;
  }
}

// canRegisterQuietly says whether the browser lets a password manager make a
// passkey without asking, after it has filled in a password.
export async function canRegisterQuietly() {
  if (!isSupported()) return false;
  try {
    return (await globalThis.PublicKeyCredential.getClientCapabilities()).conditionalCreate === true;
  } catch {
    return false;
  }
}

// running is the ceremony that is under way. A page has one at a time, however many
// objects ask.
let running = null; // { controller, passive, done }

export class Passkeys {
  #base;
  #token;
  #headers;
  #autofill = null;

  // base is where the API is ("/v1", or an absolute URL). token returns the access
  // token of whoever is signed in, or a promise of it. headers go with every
  // request: an X-API-Key, say.
  constructor({ base = "/v1", token = () => "", headers = {} } = {}) {
    this.#base = base.replace(/\/+$/, "");
    this.#token = token;
    this.#headers = headers;
  }

  // register makes a passkey for whoever is signed in, and returns it. conditional
  // asks nobody, right after a sign-in by password; it throws "passkey/cancelled"
  // where the browser does not want to. mfaToken is that of a sign-in which must
  // set up a second factor: the answer then holds tokens, too.
  async register({ name, conditional = false, mfaToken } = {}) {
    this.#need();
    const begun = await this.#call("POST", "/auth/passkeys/register/options", clean({ name, conditional: conditional || undefined, mfaToken }), !mfaToken);
    const request = { publicKey: creationOptions(begun.publicKey) };
    if (conditional) request.mediation = "conditional";
    const made = await this.#ask((signal) => navigator.credentials.create({ ...request, signal }));
    return this.#call("POST", "/auth/passkeys/register/verify", { ceremonyId: begun.ceremonyId, credential: registrationJSON(made) }, !mfaToken);
  }

  // signIn signs in and returns the tokens. With an email, the browser is told
  // which passkeys to offer. With the mfaToken of a paused sign-in, the passkey is
  // the second factor.
  async signIn({ email, mfaToken } = {}) {
    this.#need();
    const begun = await this.#call("POST", "/auth/passkeys/signin/options", clean({ email, mfaToken }), false);
    const held = await this.#ask((signal) => navigator.credentials.get({ publicKey: requestOptions(begun.publicKey), signal }));
    return this.#finish(begun, held, mfaToken);
  }

  // answer lets somebody answer a ceremony, and returns the body that goes to
  // another route, such as reauthenticate: { ceremonyId, credential }.
  async answer({ email, mfaToken } = {}) {
    this.#need();
    const begun = await this.#call("POST", "/auth/passkeys/signin/options", clean({ email, mfaToken }), false);
    const held = await this.#ask((signal) => navigator.credentials.get({ publicKey: requestOptions(begun.publicKey), signal }));
    return { ceremonyId: begun.ceremonyId, credential: assertionJSON(held) };
  }

  // autofill offers passkeys in the autofill of the page's field, for as long as
  // the page is open, and returns the tokens once somebody has chosen one. It
  // returns null where the browser cannot, or cancel was called. Any other ceremony
  // of the page interrupts it; afterwards it goes on.
  async autofill() {
    if (!await canAutofill()) return null;
    this.#autofill?.stop();
    const me = { stopped: false, stop: () => { me.stopped = true; } };
    this.#autofill = me;
    while (!me.stopped) {
      if (running && !running.passive) {
        await running.done;
        continue;
      }
      const begun = await this.#call("POST", "/auth/passkeys/signin/options", {}, false);
      if (me.stopped) break;
      let timer;
      try {
        const held = await this.#ask((signal, abort) => {
          timer = setTimeout(abort, AUTOFILL_RENEWED_AFTER);
          return navigator.credentials.get({ publicKey: requestOptions(begun.publicKey), mediation: "conditional", signal });
        }, true);
        return await this.#finish(begun, held);
      } catch (error) {
        if (error.code !== "passkey/aborted") throw error;
      } finally {
        clearTimeout(timer);
      }
    }
    return null;
  }

  // cancel ends whatever ceremony is under way.
  cancel() {
    this.#autofill?.stop();
    running?.controller.abort();
  }

  // list, rename and remove work on the passkeys of whoever is signed in. Once one
  // is removed, the browser is told which are left.
  async list() {
    return (await this.#call("GET", "/auth/passkeys?limit=100")).items;
  }

  async rename(id, name) {
    return this.#call("PATCH", `/auth/passkeys/${encodeURIComponent(id)}`, { name });
  }

  async remove(id) {
    const before = await this.list();
    const answer = await this.#call("DELETE", `/auth/passkeys/${encodeURIComponent(id)}`);
    await signalAccepted(before, before.filter((one) => one.id !== id));
    return answer;
  }

  // sync tells the browser which passkeys there are, so that it offers no others.
  // Pages call it after a sign-in.
  async sync() {
    const all = await this.list();
    await signalAccepted(all, all);
  }

  #need() {
    if (!isSupported()) throw new PasskeyError("passkey/unsupported", "This browser has no passkeys.");
  }

  async #finish(begun, held, mfaToken) {
    const path = mfaToken ? "/auth/mfa/verify" : "/auth/passkeys/signin/verify";
    const credential = assertionJSON(held);
    try {
      return await this.#call("POST", path, clean({ ceremonyId: begun.ceremonyId, credential, mfaToken }), false);
    } catch (error) {
      if (error.details?.unknown === true) await signalUnknown(begun.publicKey.rpId, credential.id);
      throw error;
    }
  }

  // #ask runs one ceremony at a time: browsers refuse a second one while the
  // autofill waits, until the first is aborted and has settled.
  async #ask(begin, passive = false) {
    while (running) {
      if (!passive || running.passive) running.controller.abort(); // the autofill waits for others
      await running.done;
    }
    const controller = new AbortController();
    let settle;
    running = { controller, passive, done: new Promise((resolve) => { settle = resolve; }) };
    try {
      const credential = await abortable(begin(controller.signal, () => controller.abort()), controller.signal);
      if (!credential) throw new PasskeyError("passkey/cancelled", "No passkey was chosen.");
      return credential;
    } catch (error) {
      throw told(error, controller.signal.aborted);
    } finally {
      running = null;
      settle();
    }
  }

  async #call(method, path, body, authorized = true) {
    const headers = { Accept: "application/json", ...this.#headers };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const token = authorized ? await this.#token() : "";
    if (token) headers.Authorization = `Bearer ${token}`;
    let response, answer;
    try {
      response = await fetch(this.#base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
      answer = await response.json();
    } catch (cause) {
      throw new PasskeyError("passkey/network", "The server could not be reached.", { status: response?.status ?? 0, cause });
    }
    if (!response.ok) {
      const { code = "passkey/failed", message = "That did not work.", details = {} } = answer?.error ?? {};
      throw new PasskeyError(code, message, { status: response.status, details });
    }
    return answer;
  }
}

// abortable is a ceremony that ends once it is aborted, whatever the browser does.
function abortable(ceremony, signal) {
  return new Promise((resolve, reject) => {
    Promise.resolve(ceremony).then(resolve, reject);
    signal.addEventListener("abort", () => setTimeout(() => reject(new DOMException("The ceremony was aborted.", "AbortError")), ABORT_WAITS));
  });
}

// told makes a PasskeyError of what a browser or a password manager threw.
function told(error, aborted) {
  if (error instanceof PasskeyError) return error;
  const name = String(error?.name ?? "");
  if (aborted || name === "AbortError") return new PasskeyError("passkey/aborted", "Another request took over.", { cause: error });
  if (name === "InvalidStateError") return new PasskeyError("passkey/exists", "This device has a passkey of the account already.", { cause: error });
  if (name === "NotAllowedError") return new PasskeyError("passkey/cancelled", "No passkey was used.", { cause: error });
  return new PasskeyError("passkey/failed", `The browser could not do it (${name || "unknown"}).`, { cause: error });
}

// signalUnknown tells the browser that a passkey is worth nothing here. Browsers
// that do not know the call lose nothing.
async function signalUnknown(rpId, credentialId) {
  try {
    await globalThis.PublicKeyCredential.signalUnknownCredential({ rpId, credentialId });
  } catch { /* the browser does not know it, or does not want to */ }
}

async function signalAccepted(of, accepted) {
  if (of.length === 0) return;
  const { rpId, userHandle } = of[0];
  try {
    await globalThis.PublicKeyCredential.signalAllAcceptedCredentials({
      rpId, userId: userHandle, allAcceptedCredentialIds: accepted.map((one) => one.credentialId),
    });
  } catch { /* the browser does not know it, or does not want to */ }
}

function clean(body) {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== ""));
}

function bytes(text) {
  const binary = atob(String(text).replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0)).buffer;
}

function base64url(buffer) {
  const view = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  let binary = "";
  for (const b of view) binary += String.fromCharCode(b);
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function credentialList(list) {
  return (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
}

function creationOptions(json) {
  return {
    ...json, challenge: bytes(json.challenge), user: { ...json.user, id: bytes(json.user.id) },
    excludeCredentials: credentialList(json.excludeCredentials),
  };
}

function requestOptions(json) {
  return { ...json, challenge: bytes(json.challenge), allowCredentials: credentialList(json.allowCredentials) };
}

function transports(response) {
  try {
    const list = response.getTransports();
    return Array.isArray(list) ? list : [];
  } catch {
    return []; // some password managers do not have it
  }
}

function outer(credential, response) {
  const rawId = base64url(credential.rawId);
  const json = { id: rawId, rawId, type: "public-key", response, clientExtensionResults: {} };
  if (typeof credential.authenticatorAttachment === "string") json.authenticatorAttachment = credential.authenticatorAttachment;
  return json;
}

function registrationJSON(credential) {
  const { response } = credential;
  return outer(credential, {
    clientDataJSON: base64url(response.clientDataJSON), attestationObject: base64url(response.attestationObject), transports: transports(response),
  });
}

function assertionJSON(credential) {
  const { response } = credential;
  const json = {
    clientDataJSON: base64url(response.clientDataJSON), authenticatorData: base64url(response.authenticatorData), signature: base64url(response.signature),
  };
  if (response.userHandle && response.userHandle.byteLength > 0) json.userHandle = base64url(response.userHandle);
  return outer(credential, json);
}
