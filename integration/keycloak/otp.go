package keycloak

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what RFC 6238 and Keycloak use
	"encoding/binary"
	"fmt"
	"time"
)

// otpKey is the key of every one-time password that [Server.AddOTP] gives.
const otpKey = "a key of one-time passwords"

// AddOTP gives the user a factor for one-time passwords that was made at a
// time.
func (s *Server) AddOTP(ctx context.Context, userID, label string, made time.Time) error {
	return s.AddCredential(ctx, userID, map[string]any{ //nolint:gosec // for tests
		"type": "otp", "userLabel": label, "createdDate": made.UnixMilli(),
		"secretData":     `{"value":"` + otpKey + `"}`,
		"credentialData": `{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}`,
	})
}

// AddCredential gives the user a credential in the server's own form. Only a
// whole representation of a user carries one in.
func (s *Server) AddCredential(ctx context.Context, userID string, credential map[string]any) error {
	return s.Admin(ctx, "PUT", "/users/"+userID, map[string]any{"credentials": []any{credential}}, nil)
}

// OTP is the one-time password at a time that an [Server.AddOTP] is good for.
// Each is good for once.
func OTP(at time.Time) string { return OTPOf(otpKey, at) }

// OTPOf is the one-time password at a time (RFC 6238) under a key as the form
// shows it that has a new factor set up.
func OTPOf(key string, at time.Time) string {
	mac := hmac.New(sha1.New, []byte(key))
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}
