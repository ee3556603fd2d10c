package webauthn

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

const maxClientData = 16 << 10 // bytes

// The ceremonies, as client data names them.
const (
	typeCreate = "webauthn.create"
	typeGet    = "webauthn.get"
)

// clientData is what the client says about where and for what it had the authenticator sign (section 5.8.1). Others than the members of
// today are allowed, and mean nothing; a second spelling of one of them is such a member.
type clientData struct {
	Type        string         `json:"type"`
	Challenge   string         `json:"challenge"`
	Origin      string         `json:"origin"`
	CrossOrigin bool           `json:"crossOrigin"`
	TopOrigin   *string        `json:"topOrigin"`
	Others      jsontext.Value `json:",embed"`
}

func parseClientData(text []byte) (*clientData, error) {
	if len(text) > maxClientData {
		return nil, attest.Refuse(attest.ReasonMalformed, "client data of %d bytes", len(text))
	}
	var c clientData
	// Section 7.1 step 5: a byte order mark is no part of the text.
	if err := strictjson.Decode(bytes.TrimPrefix(text, []byte("\ufeff")), &c); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "client data: %v", err)
	}
	return &c, nil
}

// check makes the checks on client data of sections 7.1 and 7.2 in their order.
func (c *clientData) check(p Party, ceremony string, challenge []byte) error {
	if c.Type != ceremony {
		return attest.Refuse(attest.ReasonPurpose, "client data is not of type %s", ceremony)
	}
	if len(challenge) == 0 {
		return attest.Refuse(attest.ReasonChallenge, "no challenge")
	}
	want := base64.RawURLEncoding.EncodeToString(challenge)
	if subtle.ConstantTimeCompare([]byte(c.Challenge), []byte(want)) != 1 {
		return attest.Refuse(attest.ReasonChallenge, "another challenge")
	}
	if c.Origin == "" || !slices.Contains(p.Origins, c.Origin) {
		return attest.Refuse(attest.ReasonPurpose, "made at an origin that is not listed")
	}
	return c.checkFrame(p)
}

// checkFrame refuses what was made in a frame of another site, unless that is listed: a person there need not know whom they prove
// themselves to.
func (c *clientData) checkFrame(p Party) error {
	if c.TopOrigin == nil {
		if c.CrossOrigin && !p.CrossOrigin {
			return attest.Refuse(attest.ReasonPurpose, "made in a frame of another site")
		}
		return nil
	}
	switch {
	case !c.CrossOrigin:
		return attest.Refuse(attest.ReasonMalformed, "client data names the site around a frame and no frame")
	case !slices.Contains(p.TopOrigins, *c.TopOrigin):
		return attest.Refuse(attest.ReasonPurpose, "made in a frame of a site that is not listed")
	}
	return nil
}
