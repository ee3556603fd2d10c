package caddymodule

import (
	"strings"
	"testing"
)

const vouching = `"risk_analysis":"RA-2026-014","revocation":"off","trust_pool":{"provider":"file","pem_files":["testdata/device-ca.pem"]},"identity":{"name":"email","pattern":"(.+)"}`

// Without an API to ask, nobody could tell whose account a name means.
func TestIdentityNeedsAnIdentityProviderToAsk(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t, `"risk_analysis": "RA-2026-014"`, vouching)
	if err := app.Start(); err == nil || !strings.Contains(err.Error(), "activation codes") {
		t.Errorf("started: %v", err)
	}
}

func TestIdentityIsThatOfTheOperatorsCA(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t, `"risk_analysis": "RA-2026-014"`, vouching)
	ca, _, err := app.operatorCA()
	if err != nil || ca.Identity == nil {
		t.Errorf("%+v, %v", ca, err)
	}
	app, _ = mustLoad(t, `"risk_analysis": "RA-2026-014"`, strings.Replace(vouching, `,"identity":{"name":"email","pattern":"(.+)"}`, "", 1))
	if ca, _, err := app.operatorCA(); err != nil || ca.Identity != nil {
		t.Errorf("none is configured: %+v, %v", ca, err)
	}
}
