// Fills the field "credential" of a form with what the browser's authenticator answers, and sends the form.
"use strict";

(function () {
  const failed = (form, words) => {
    const status = form.querySelector("[role=status]");
    if (status) {
      status.textContent = words;
    }
  };

  const bytes = (text) => {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (c) => c.charCodeAt(0));
  };

  const text = (buffer) => {
    const binary = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const listed = (list) => (list || []).map((c) => Object.assign({}, c, { id: bytes(c.id) }));

  // For browsers without PublicKeyCredential.parse...OptionsFromJSON.
  const parse = (ceremony, json) => {
    const options = Object.assign({}, json, { challenge: bytes(json.challenge) });
    if (ceremony === "create") {
      options.user = Object.assign({}, json.user, { id: bytes(json.user.id) });
      options.excludeCredentials = listed(json.excludeCredentials);
    } else {
      options.allowCredentials = listed(json.allowCredentials);
    }
    return options;
  };

  // For browsers without PublicKeyCredential.toJSON.
  const encode = (credential) => {
    if (typeof credential.toJSON === "function") {
      return credential.toJSON();
    }
    const response = { clientDataJSON: text(credential.response.clientDataJSON) };
    for (const member of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[member]) {
        response[member] = text(credential.response[member]);
      }
    }
    if (typeof credential.response.getTransports === "function") {
      response.transports = credential.response.getTransports();
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: response,
      clientExtensionResults: credential.getClientExtensionResults(),
      authenticatorAttachment: credential.authenticatorAttachment,
    };
  };

  // A browser looks for the passkeys of one RP ID at a time: each further one gets a button of its own. Where credentials are named, so
  // do those that are not, such as ones of an account with another name than before.
  const offerOthers = (form, button) => {
    const options = JSON.parse(form.dataset.options);
    const offer = (words, rpId, unnamed) => {
      const other = button.cloneNode();
      other.className = "quiet";
      other.value = rpId;
      other.toggleAttribute("data-unnamed", unnamed);
      other.textContent = rpId === options.rpId ? words : words + " made at " + rpId;
      form.append(" ", other);
    };
    for (const id of (options.rpIds || []).filter((id) => id !== options.rpId)) {
      offer("Use a passkey", id, false);
    }
    for (const id of options.allowCredentials ? options.rpIds : []) {
      offer("Let the browser find a passkey", id, true);
    }
  };

  // button may ask for another RP ID than the options, or for none of the credentials that they name.
  const ask = async (form, button) => {
    const ceremony = form.dataset.passkey;
    const options = { publicKey: parse(ceremony, JSON.parse(form.dataset.options)) };
    if (button && button.value) {
      options.publicKey.rpId = button.value;
    }
    if (button && button.hasAttribute("data-unnamed")) {
      options.publicKey.allowCredentials = [];
    }
    const credential = await (ceremony === "create" ? navigator.credentials.create(options) : navigator.credentials.get(options));
    form.elements.namedItem("credential").value = JSON.stringify(encode(credential));
    form.submit();
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) {
      failed(form, "This browser does not know passkeys. Choose another way.");
      continue;
    }
    const button = form.querySelector("button");
    button.disabled = false;
    offerOthers(form, button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      failed(form, "");
      ask(form, event.submitter).catch((error) => failed(form, error.name === "InvalidStateError"
        ? "This device or security key is set up already. Choose another one."
        : "No passkey was used. Try again, or choose another way."));
    });
  }
})();
