package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/secret"
	"github.com/regrant/regrant/internal/wire"
)

// maxPasted bounds a signature that is pasted, in bytes.
const maxPasted = 8 << 10

// second asks for the proof that the gateway wants beside the device's, and brings it. The statement that it is over is checked as the
// first one was.
func (c *recoverCommand) second(ctx context.Context, g *gateway, d *device, want expected, more wire.AttestResponse) (wire.AttestResponse, error) {
	var answer wire.AttestResponse
	offer := wire.InitiateResponse{
		RecoveryID: more.RecoveryID, Statement: more.Statement, Nonce: more.Nonce, ExpiresIn: more.ExpiresIn, Methods: more.Methods,
	}
	if err := want.check(offer, c.now()); err != nil {
		return answer, err
	}
	evidence, err := c.carried(ctx, offer)
	if err != nil {
		return answer, err
	}
	proof := wire.AttestRequest{RecoveryID: offer.RecoveryID}
	proof.Evidence = append(proof.Evidence, evidence)
	return answer, g.post(ctx, "/attest", d.holder(), proof, &answer)
}

// carried asks for the first of the offered methods that can be typed or pasted here.
func (c *recoverCommand) carried(ctx context.Context, offer wire.InitiateResponse) ([]byte, error) {
	offered := func(m attest.Method) bool {
		return slices.ContainsFunc(offer.Methods, func(o wire.MethodOffer) bool { return o.Method == string(m) })
	}
	switch {
	case offered(attest.MethodRecoveryCode):
		code, err := c.askCode(ctx)
		return element(attest.MethodRecoveryCode, "code", code, err)
	case offered(attest.MethodPassphrase):
		passphrase, err := c.askSecret(ctx, "The account's recovery passphrase: ")
		return element(attest.MethodPassphrase, "passphrase", passphrase, err)
	case offered(attest.MethodSSHKey):
		fmt.Fprintf(c.err, "Save this text as it stands, sign it with ssh-keygen -Y sign, and paste the signature, with an empty line behind it:\n\n%s\n", offer.Statement)
		signature, err := c.readParagraph(ctx, maxPasted)
		return element(attest.MethodSSHKey, "signature", signature, err)
	default:
		return nil, &failure{exitRefused, "another proof is wanted that cannot be given here", "Begin in the browser, at the account's sign-in page."}
	}
}

// askCode asks for a recovery code until it has no typo: a code with one is not sent, since a wrong proof ends the recovery.
func (c *recoverCommand) askCode(ctx context.Context) (string, error) {
	for {
		code, err := c.askSecret(ctx, "One of the account's recovery codes: ")
		if err != nil || code == "" {
			return "", errors.Join(err, &failure{exitRefused, "no recovery code", ""})
		}
		typo, ok := errors.AsType[*secret.TypoError](secret.CheckCode(code))
		if !ok {
			return code, nil
		}
		fmt.Fprintf(c.err, "%s\n", typo)
	}
}

func element(m attest.Method, member, value string, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"method": string(m), member: value})
}

// end says what came of it: a token, or nothing but good news of a rehearsal.
func (c *recoverCommand) end(answer wire.AttestResponse) (token string, err error) {
	reference := printable(answer.Reference)
	switch {
	case answer.Outcome == wire.OutcomeRehearsed:
		fmt.Fprintf(c.err, "Recovery works: this was a rehearsal, and nothing was changed. Reference: %s\n", reference)
		return "", nil
	case answer.Outcome != wire.OutcomeGranted || answer.RecoveryToken == "":
		return "", &failure{exitRefused, fmt.Sprintf("this is not enough: the gateway answers %q", printable(answer.Outcome)), "Go on in the browser, from the account's sign-in page."}
	}
	fmt.Fprintf(c.err, "Granted. Reference for the help desk: %s\n", reference)
	if len(answer.ReplacementCodes) > 0 {
		fmt.Fprintf(c.err, "A recovery code was used up. Write down the one that takes its place; it is shown only now:\n\n  %s\n\n", printable(strings.Join(answer.ReplacementCodes, "\n  ")))
	}
	return answer.RecoveryToken, nil
}
