package tpm

import (
	"encoding/base64"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// evidence is the parsed Evidence. Nothing in it is verified.
type evidence struct {
	ak    *key
	quote Quote
}

// quoteMembers are those of a quote, in a recovery and at the end of an enrolment.
type quoteMembers struct {
	Quote     string            `json:"quote"`
	Signature string            `json:"signature"`
	PCRs      map[string]string `json:"pcrs"`
	EventLog  *string           `json:"event_log"`
}

func parse(body []byte) (*evidence, error) {
	var m struct {
		Method string `json:"method"`
		AK     string `json:"ak_public"`
		quoteMembers
	}
	if err := strictjson.Decode(body, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	if m.Method != string(attest.MethodTPM) {
		return nil, attest.Refuse(attest.ReasonMalformed, "method is not %s", attest.MethodTPM)
	}
	public, err := decodeBytes("ak_public", m.AK, maxStructure)
	if err != nil {
		return nil, err
	}
	ak, err := parseAK(public)
	if err != nil {
		return nil, err
	}
	quote, err := m.parse()
	return &evidence{ak, quote}, err
}

func (m *quoteMembers) parse() (q Quote, err error) {
	if q.Attest, err = decodeBytes("quote", m.Quote, maxStructure); err != nil {
		return q, err
	}
	if q.Signature, err = decodeBytes("signature", m.Signature, maxStructure); err != nil {
		return q, err
	}
	if m.EventLog != nil {
		if q.EventLog, err = decodeBytes("event_log", *m.EventLog, maxLog); err != nil {
			return q, err
		}
	}
	q.PCRs = m.PCRs
	return q, nil
}

// decodeBytes reads base64url without padding. Encoding again refuses the other spellings that the decoder forgives.
func decodeBytes(member, text string, most int) ([]byte, error) {
	if text == "" || base64.RawURLEncoding.DecodedLen(len(text)) > most {
		return nil, attest.Refuse(attest.ReasonMalformed, "%s is empty or too large", member)
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != text {
		return nil, attest.Refuse(attest.ReasonMalformed, "%s is not base64url without padding", member)
	}
	return data, nil
}

func encodeBytes(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
