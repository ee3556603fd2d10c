package main

import (
	"context"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

// activate has the keys in the TPM bound. The gateway makes a riddle that only the TPM with both of them can solve, and the TPM
// quotes the state of the machine for the text of this enrolment.
func (c *enrollCommand) activate(ctx context.Context, g *gateway, d *device, code string) error {
	offer, err := d.chip.offer()
	if err != nil {
		return err
	}
	var begun wire.ChallengeResponse
	request := wire.ChallengeRequest{ActivationCode: code, Method: string(attest.MethodTPM), Evidence: offer}
	if err := g.post(ctx, "/devices/challenge", nil, request, &begun); err != nil {
		return err
	}
	if _, err := attest.ParseIdentifier(begun.Account); err != nil {
		return mismatch("the gateway names an account that cannot be one")
	}
	answer, err := d.chip.answer(begun.Options, c.issuer, begun.Account)
	if err != nil {
		return err
	}
	var enrolled wire.EnrollResponse
	finish := wire.EnrollRequest{ActivationCode: code, State: begun.State, Label: c.label, Evidence: answer}
	if err := g.post(ctx, "/devices/enroll", nil, finish, &enrolled); err != nil {
		return err
	}
	if enrolled.Issuer != c.issuer || enrolled.Account != begun.Account {
		return mismatch("the gateway enrolled this device with another issuer, or for another account")
	}
	d.deviceInfo = deviceInfo{enrolled.Issuer, enrolled.Account, enrolled.DeviceID, c.label, enrolled.EffectiveAt}
	d.confirmBefore = enrolled.ConfirmBefore
	return d.save()
}
