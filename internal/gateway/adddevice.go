package gateway

import (
	"errors"
	"net/http"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/wire"
)

// devicePath is where a person adds a device, below the prefix.
const devicePath = "authenticators/" + string(attest.MethodDeviceCertificate)

// What a person says of a device that waits.
const (
	answerMine    = "mine"
	answerNotMine = "not-mine"
)

// addDevice shows an activation code, once: the answer to a form is in no history and no cache.
func (g *Gateway) addDevice(w http.ResponseWriter, r *http.Request) error {
	_, v, err := g.changing(r, readForm)
	if err != nil {
		return err
	}
	code, err := g.Enrolment.AddDevice(r.Context(), v)
	if errors.Is(err, enrolment.ErrNameless) {
		return &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, page: pageOf(pages.Nameless(g.list()))}
	}
	if err != nil {
		return g.explained(r, err)
	}
	return g.pages.Write(w, http.StatusOK, pages.AddingDevice(pages.NewDevice{
		Issuer: g.issuer, Account: v.Session.Name(), Code: code.Text, Until: code.ExpiresAt, Next: g.prefix + devicePath,
		Kinds: deviceKinds(g.Enrolment.DeviceMethods()),
	}))
}

// deviceKinds are where the key of a device may be, to be told.
func deviceKinds(methods []attest.Method) pages.DeviceKinds {
	return pages.DeviceKinds{File: slices.Contains(methods, attest.MethodDeviceCertificate), TPM: slices.Contains(methods, attest.MethodTPM)}
}

// waitingDevices asks about each device that waits for its owner. It changes nothing.
func (g *Gateway) waitingDevices(w http.ResponseWriter, r *http.Request) error {
	who, secret, err := g.signedIn(r)
	if errors.Is(err, login.ErrNone) {
		return g.pages.Write(w, http.StatusOK, pages.SignIn(g.loginForm(r)))
	}
	if err != nil {
		return err
	}
	list, err := g.Enrolment.WaitingDevices(r.Context(), enrolment.Visitor{Session: who, Secret: secret})
	if err != nil {
		return err
	}
	var asked []pages.WaitingDevice
	for _, d := range list {
		form := func(answer string) pages.Form {
			return g.form(formChange, devicePath+"/finish", secret, pages.Fact{Name: "id", Value: d.ID}, pages.Fact{Name: "answer", Value: answer})
		}
		asked = append(asked, pages.WaitingDevice{
			Label: d.Label, Fingerprint: d.Fingerprint, BoundAt: d.BoundAt, Before: d.Before, Own: d.Own, Mine: form(answerMine), NotMine: form(answerNotMine),
		})
	}
	return g.pages.Write(w, http.StatusOK, pages.WaitingDevices(asked, g.prefix+devicePath, g.list()))
}

// settleDevice takes what a person says of a device that waits.
func (g *Gateway) settleDevice(w http.ResponseWriter, r *http.Request) error {
	sent, v, err := g.changing(r, readForm)
	if err != nil {
		return err
	}
	switch sent.Get("answer") {
	case answerMine:
		bound, err := g.Enrolment.ConfirmDevice(r.Context(), v, sent.Get("id"))
		if err != nil {
			return g.explained(r, err)
		}
		return g.showBound(w, r, v, bound)
	case answerNotMine:
		if err := g.Enrolment.DisownDevice(r.Context(), v, sent.Get("id")); err != nil {
			return g.explained(r, err)
		}
		return g.pages.Write(w, http.StatusOK, pages.Disowned(g.list()))
	default:
		return malformed("", "The form says neither that the device is yours nor that it is not.")
	}
}
