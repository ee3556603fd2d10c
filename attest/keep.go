package attest

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"time"
)

// kept is a [Result] as it is stored between two requests of one recovery.
type kept struct {
	Method         Method    `json:"method"`
	Claims         Claims    `json:"claims"`
	Authenticator  string    `json:"authenticator"`
	Recovery       string    `json:"recovery"`
	At             time.Time `json:"at"`
	RelayResistant bool      `json:"relay_resistant,omitzero"`
}

// ErrForged means that what was read is not what [Result.Keep] wrote for this recovery.
var ErrForged = errors.New("not a stored result of this recovery")

const macSize = 32

// Keep encodes r for the store. mac is a keyed hash of 32 bytes that nothing else uses: whoever can write the store cannot
// make a Result.
func (r Result) Keep(mac func(parts ...[]byte) []byte) ([]byte, error) {
	if !r.appraised {
		return nil, ErrForged
	}
	body, err := json.Marshal(kept{r.method, r.claims, r.authenticator, r.recovery, r.at, r.relayResistant})
	if err != nil {
		return nil, err
	}
	return append(mac([]byte(r.recovery), body), body...), nil
}

// Kept decodes what [Result.Keep] wrote for the recovery. The error is [ErrForged] for anything else.
func Kept(data []byte, recovery string, mac func(parts ...[]byte) []byte) (Result, error) {
	if len(data) < macSize {
		return Result{}, ErrForged
	}
	sum, body := data[:macSize], data[macSize:]
	if !hmac.Equal(sum, mac([]byte(recovery), body)) {
		return Result{}, ErrForged
	}
	var k kept
	if err := json.Unmarshal(body, &k); err != nil || k.Recovery != recovery {
		return Result{}, ErrForged
	}
	return Result{
		appraised: true, method: k.Method, claims: k.Claims, authenticator: k.Authenticator, recovery: k.Recovery, at: k.At,
		relayResistant: k.RelayResistant,
	}, nil
}
