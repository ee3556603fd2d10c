// Package webauthn judges passkeys: registrations and assertions of W3C Web Authentication Level 3, and the FIDO metadata about their makers.
//
// The library reads CBOR, authenticator data and COSE keys, and knows what browsers are to be asked. What it reads is judged here, in the order of
// sections 7.1 and 7.2, since the library leaves to its caller, or decides by its own clock and by anchors that are compiled
// in, just what matters: which anchor an attestation ends at, when a certificate is valid, how strong a key is, whether a credential was copied.
//
// [Register] and [Assert] are pure. [Format] puts them behind the method passkey; package appraise puts single requests before them.
package webauthn
