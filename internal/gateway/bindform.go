package gateway

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
	"github.com/regrant/regrant/internal/gateway/pages"
)

// formable are the methods that have a page of their own here. Others are bound by programs.
var formable = map[attest.Method]bool{
	attest.MethodPasskey: true, attest.MethodSSHKey: true, attest.MethodRecoveryKey: true, attest.MethodRecoveryCode: true, attest.MethodPassphrase: true,
}

// enrolmentOf makes of a form what the method's format takes. wrong says in a sentence what keeps it from that.
func enrolmentOf(m attest.Method, sent url.Values) (body []byte, wrong string) {
	switch m {
	case attest.MethodRecoveryCode:
		return []byte("{}"), ""
	case attest.MethodPassphrase:
		if sent.Get("passphrase") != sent.Get("again") {
			return nil, pages.PassphrasesDiffer
		}
		return object(map[string]string{"passphrase": sent.Get("passphrase")}), ""
	case attest.MethodSSHKey:
		return object(map[string]string{"public_key": strings.TrimSpace(sent.Get("public_key")), "signature": carried(sent, "signature")}), ""
	case attest.MethodRecoveryKey:
		body, err := recoverykey.ParseProof(carried(sent, "proof"))
		if err != nil {
			return nil, pages.NotAccepted(string(m), string(attest.ReasonMalformed))
		}
		return body, ""
	case attest.MethodPasskey:
		credential := sent.Get("credential")
		if !json.Valid([]byte(credential)) {
			return nil, pages.PasskeyMissing
		}
		return []byte(`{"credential":` + credential + `}`), ""
	default:
		return nil, ""
	}
}

// carried is what was pasted into a field or sent as its file. White space around it is what forms and files put there.
func carried(sent url.Values, field string) string {
	if pasted := strings.TrimSpace(sent.Get(field)); pasted != "" {
		return pasted
	}
	return strings.TrimSpace(sent.Get(field + "_file"))
}

// object is a JSON object of texts.
func object(members map[string]string) []byte {
	body, err := json.Marshal(members)
	if err != nil {
		panic(err) // texts always have a JSON
	}
	return body
}
